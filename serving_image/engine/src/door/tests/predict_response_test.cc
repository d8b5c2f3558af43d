#include "door/predict_response.h"

#include <string>

#include "core/tests/check.h"
#include "door/tests/request_maker.h"
#include "door/wire_writer.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

std::string Written(const PredictResponse& response) {
  std::string out(PredictResponseSize(response) + 1, '\x7e');
  WritePredictResponse(response, reinterpret_cast<uint8_t*>(out.data()));
  CHECK(out.back() == '\x7e');
  out.pop_back();
  return out;
}

std::string Expected(const std::vector<std::pair<std::string, std::vector<float>>>& outputs, int64_t version) {
  std::string bytes, model = Selector("search"), number;
  for (const auto& [name, values] : outputs) {
    std::string tensor = Tensor(kFloat, {static_cast<int64_t>(values.size())});
    if (!values.empty()) PutBytes(&tensor, 4, Raw(values));
    PutEntry(&bytes, 1, name, tensor);
  }
  PutNumber(&number, 1, version);
  PutBytes(&model, 2, number);
  PutBytes(&model, 3, "serving_default");
  PutBytes(&bytes, 2, model);
  return bytes;
}

TEST(AnAnswerIsWrittenAsProtobufWritesIt) {
  const ModelSpec spec = SearchSpec();
  const std::vector<float> ctr(200, 0.25f), cvr(200, 0.5f);
  const float* values[] = {ctr.data(), cvr.data()};
  for (size_t rows : {size_t{1}, size_t{0}, size_t{31}, size_t{32}, size_t{200}}) {
    for (const std::vector<size_t>& outputs : {std::vector<size_t>{0, 1}, {1}, {1, 0}}) {
      for (int64_t version : {int64_t{0}, int64_t{3}, int64_t{17'000'000'204}}) {
        std::vector<std::pair<std::string, std::vector<float>>> expected;
        for (size_t k : outputs)
          expected.emplace_back(spec.outputs[k], std::vector<float>(rows, k == 0 ? 0.25f : 0.5f));
        CHECK(Written({"search", version, &spec, &outputs, values, rows}) == Expected(expected, version));
      }
    }
  }
}

}  // namespace
}  // namespace tandem::serving::door
