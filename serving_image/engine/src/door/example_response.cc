#include "door/example_response.h"

#include <cstring>

#include "door/heads.h"
#include "door/wire_writer.h"

namespace tandem::serving::door {
namespace {

constexpr size_t kFloatField = 1 + sizeof(float);
// {label: "0", score: …}, {label: "1", score: …}, with the tags and sizes of both.
constexpr size_t kClass = 3 + kFloatField, kClasses = 2 * (2 + kClass);

void PutFloat(std::string* out, uint32_t field, float value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  PutVarint(out, uint64_t{field} << 3 | 5);
  out->append(bytes, sizeof bytes);
}

void PutClass(std::string* out, std::string_view label, float score) {
  PutVarint(out, 1 << 3 | 2);
  PutVarint(out, kClass);
  PutBytes(out, 1, label);
  PutFloat(out, 2, score);
}

// ClassificationResult or RegressionResult: a message per row, each of the same size.
std::string Result(const float* probabilities, size_t rows, bool regress) {
  std::string result;
  const size_t size = regress ? kFloatField : kClasses;
  result.reserve(rows * (2 + size));
  for (size_t row = 0; row < rows; ++row) {
    PutVarint(&result, 1 << 3 | 2);
    PutVarint(&result, size);
    if (regress) {
      PutFloat(&result, 1, probabilities[row]);
    } else {
      PutClass(&result, "0", 1.0f - probabilities[row]);
      PutClass(&result, "1", probabilities[row]);
    }
  }
  return result;
}

std::string ModelSpecBytes(std::string_view model, const Answer& answer, size_t output, bool regress) {
  std::string spec, version;
  PutBytes(&spec, 1, model);
  PutNumber(&version, 1, answer.version.number());
  PutBytes(&spec, 2, version);
  PutBytes(&spec, 3, HeadSignature(answer.spec->outputs[output], regress));
  return spec;
}

}  // namespace

std::string ExampleResponse(std::string_view model, const ExampleRequest& request, const Answer& answer) {
  std::string response;
  for (size_t i = 0; i < request.tasks.size(); ++i) {
    const size_t output = (*answer.outputs)[i];
    const bool regress = request.tasks[i].regress;
    const std::string result = Result(answer.values[output], answer.rows, regress);
    const std::string spec = ModelSpecBytes(model, answer, output, regress);
    if (request.method != Method::kMultiInference) {
      PutBytes(&response, 1, result);
      PutBytes(&response, 2, spec);
      continue;
    }
    std::string inferred;
    PutBytes(&inferred, 1, spec);
    PutBytes(&inferred, regress ? 3 : 2, result);
    PutBytes(&response, 1, inferred);
  }
  return response;
}

}  // namespace tandem::serving::door
