// Requests against the model's contract. Every refusal names the input and the remedy, in the words of
// tandem_serving/inputs.py.
//
// Memory:  Checked keeps its vectors; refusals are new strings.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "door/model.h"
#include "door/predict_request.h"
#include "door/refusal.h"

namespace tandem::serving::door {

// TensorFlow's short form, one value for all, is taken up to so many values.
inline constexpr uint64_t kMostRepeated = uint64_t{1} << 20;

// What a checked request has; it points into the request and the spec.
struct Checked {
  size_t rows = 0;
  std::vector<const TensorView*> inputs;  // in the order of the spec
  std::vector<size_t> outputs;            // which of the spec's outputs were asked for, in that order
};

// Names, types, shapes and counts of all inputs, the number of rows, the chosen outputs; not the values.
Refusal Check(const ModelSpec& spec, const PredictRequest& request, size_t most_rows, Checked* checked);

// The place of an input in the contract, searched from `begin` on, since clients send inputs in one order all the time;
// kNoInput when the model has none of this name.
inline constexpr size_t kNoInput = static_cast<size_t>(-1);
size_t Find(const ModelSpec& spec, std::string_view name, size_t begin);

// Refuses more rows than one request may have.
Refusal CheckMostRows(size_t rows, size_t most_rows);

// How many values a tensor brings, whether as bytes or as a list; how many rows a checked one has.
size_t Values(DType dtype, const TensorView& tensor);
inline size_t RowsOf(const TensorView& tensor) { return static_cast<size_t>(tensor.shape.sizes[0]); }

}  // namespace tandem::serving::door
