// The bytes of TensorFlow Serving's three requests over tf.Example, read where they lie: ClassificationRequest,
// RegressionRequest, MultiInferenceRequest.
//
// Memory:  everything points into the bytes, which must outlive it. One vector, of at most kMostTasks elements:
//          examples are counted here, and walked over again when they are read (example_inputs.h).
// Threads: a value; parsing is pure.
//
// As protobuf reads them: an Input that comes twice is merged, and of its two kinds the one that came last stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "door/metrics.h"
#include "door/predict_request.h"
#include "door/refusal.h"
#include "door/wire_reader.h"

namespace tandem::serving::door {

inline constexpr size_t kMostTasks = 64;
inline constexpr std::string_view kClassifyName = "tensorflow/serving/classify",
                                  kRegressName = "tensorflow/serving/regress";

// One answer that is wanted: Classify and Regress have one task, MultiInference any number.
struct ExampleTask {
  ModelSelector model;
  bool regress = false;
};

struct ExampleRequest {
  Method method = Method::kClassify;
  std::vector<ExampleTask> tasks;  // at least one; all of the same model and version
  size_t examples = 0;
  std::string_view bytes;
  size_t replaced = 0;  // kinds of Input in the bytes that a later one of the other kind took the place of
};

// Refuses bytes that are no such message, and a request without examples. `method` is one of the three.
Refusal Parse(std::string_view bytes, Method method, ExampleRequest* request);

namespace input_field {
inline constexpr uint32_t kInput = 2;  // of all three requests
inline constexpr uint32_t kExampleList = 1, kExampleListWithContext = 2;
inline constexpr uint32_t kExamples = 1, kContext = 2;
}  // namespace input_field

// Calls visit(number, bytes) for each kind of Input that stands in the request's bytes.
template <typename Visit>
bool ForEachKind(std::string_view request, Visit&& visit) {
  return ForEachBytes(request, input_field::kInput, [&visit](std::string_view input) {
    WireReader reader(input);
    Field field;
    while (reader.Next(&field)) {
      std::string_view bytes;
      const bool known = field.wire == Wire::kBytes && (field.number == input_field::kExampleList ||
                                                        field.number == input_field::kExampleListWithContext);
      if (!known) {
        if (!reader.Skip(field)) return false;
      } else if (!reader.Bytes(&bytes) || !visit(field.number, bytes)) {
        return false;
      }
    }
    return reader.ok();
  });
}

// Calls visit(bytes) for each example, or each piece of the context, of what stands; the bytes were parsed before.
template <typename Visit>
bool ForEachOf(const ExampleRequest& request, uint32_t field, Visit&& visit) {
  size_t at = 0;
  return ForEachKind(request.bytes, [&](uint32_t kind, std::string_view list) {
    if (at++ < request.replaced) return true;
    if (field == input_field::kContext && kind == input_field::kExampleList) return true;
    return ForEachBytes(list, field, visit);
  });
}

}  // namespace tandem::serving::door
