// The bytes of a tensorflow.serving.PredictRequest, read where they lie.
//
// Memory:  everything points into the bytes, which must outlive it. Two vectors, of at most kMostNamed elements: a
//          short body can't ask for much.
// Threads: a value; parsing is pure. A second Parse into the same object reuses its memory.
//
// Wire format only; what the model makes of it is checked in predict_inputs.h. As protobuf reads them: fields in any
// order, repeated numbers packed or not, the last one wins, unknown fields are passed over, a message that comes twice
// is merged, text must be UTF-8. Field numbers are those of TensorFlow Serving's public protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "door/refusal.h"

namespace tandem::serving::door {

inline constexpr size_t kMostNamed = 1024;  // inputs, and names in output_filter

struct Shape {
  static constexpr size_t kKept = 8;

  int64_t sizes[kKept] = {};  // the first sizes
  size_t rank = 0;
  bool unknown_rank = false;
  bool negative = false;   // a size is
  bool countless = false;  // the product of the sizes is beyond uint64
  uint64_t count = 1;      // that product; 1 without sizes
};

struct TensorView {
  std::string_view name;
  int32_t dtype = 0;
  Shape shape;
  std::string_view content;
  size_t int64s = 0;  // how many values the repeated fields have
  size_t floats = 0;
  size_t strings = 0;
  std::string_view entry;  // the map's entry, in which the repeated values stand
};

struct ModelSelector {
  std::string_view name;
  std::string_view label;
  std::string_view signature;
  std::optional<int64_t> version;
};

struct PredictRequest {
  ModelSelector model;
  std::vector<TensorView> inputs;
  std::vector<std::string_view> output_filter;
};

// Refuses bytes that are no such message.
Refusal Parse(std::string_view bytes, PredictRequest* request);

// tensorflow.serving.ModelSpec, merged into `model`. False: not of this form.
bool ParseModelSelector(std::string_view bytes, ModelSelector* model);

// The repeated values of a tensor, in order, into room for as many as were counted.
void ReadInt64s(const TensorView& tensor, int64_t* values);
void ReadFloats(const TensorView& tensor, float* values);

// Calls visit(std::string_view) for each.
template <typename Visit>
void ForEachString(const TensorView& tensor, Visit&& visit);

}  // namespace tandem::serving::door

#include "door/tensor_values.h"
