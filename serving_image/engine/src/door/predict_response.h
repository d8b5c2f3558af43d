// The bytes of a tensorflow.serving.PredictResponse.
//
// Memory:  PredictResponseSize says how much room the caller makes; Write fills exactly that.
// Threads: pure functions.
//
// Each chosen output is a float32 tensor of shape (rows,) in tensor_content; model_spec names the version that
// answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "door/model.h"

namespace tandem::serving::door {

inline constexpr std::string_view kSignature = "serving_default";

struct PredictResponse {
  std::string_view model;
  int64_t version = 0;
  const ModelSpec* spec = nullptr;
  const std::vector<size_t>* outputs = nullptr;  // which of the spec's
  const float* const* values = nullptr;          // of all the spec's outputs; `rows` floats each
  size_t rows = 0;
};

size_t PredictResponseSize(const PredictResponse& response);
void WritePredictResponse(const PredictResponse& response, uint8_t* out);

}  // namespace tandem::serving::door
