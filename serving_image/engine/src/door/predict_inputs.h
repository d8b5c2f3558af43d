// Requests against the model's contract, and into the arrays of a batch. Every refusal names the input and the remedy,
// in the words of tandem_serving/tensors.py.
//
// Memory:  BatchInputs keeps one aligned array per input; it grows to the largest batch there was and stays.
// Threads: Check is pure; a BatchInputs belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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

class BatchInputs {
 public:
  // Begins an empty batch for this contract, which must outlive it.
  void Begin(const ModelSpec& spec);

  // Adds the rows of a request that passed Check against the same contract; an input of the user's side that came as
  // one row is in each of them. Refused when a number is not finite; the
  // batch is then as it was.
  Refusal Append(const Checked& checked);

  // Room for so many more rows of an input, of its kind; Keep adds what was written into those of all inputs.
  struct Room {
    int64_t* ids = nullptr;
    bool* present = nullptr;
    float* values = nullptr;
  };
  Room Make(size_t input, size_t rows);
  void Keep(size_t rows) { rows_ += rows; }

  size_t rows() const { return rows_; }

  // Rows `from` to `from + rows` of the batch; valid until the next call.
  Batch Slice(size_t from, size_t rows);

 private:
  struct Array {
    std::vector<int64_t> ids;
    std::unique_ptr<bool[]> present;  // as many as ids
    std::vector<float> values;
  };

  static void Grow(size_t size, bool strings, Array* array);
  Refusal AppendFloats(const InputSpec& input, const TensorView& tensor, size_t given, size_t count, Array* array);

  const ModelSpec* spec_ = nullptr;
  size_t rows_ = 0;
  std::vector<Array> arrays_;
  std::vector<Column> columns_;
};

}  // namespace tandem::serving::door
