// Whatever bytes a client sends: the door's readers under any of them.
//
// Built by clang with -fsanitize=fuzzer and -DTANDEM_LIBFUZZER it is a libFuzzer target. Built by any compiler it is a
// program: `engine_door_fuzz [EXECUTIONS] [SEED]` damages good requests so many times. Both abort when a reader breaks
// its promise: nothing outside the bytes is read, what is accepted fits the contract, a short body takes little memory.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/tests/mutations.h"
#include "door/batch_inputs.h"
#include "door/example_inputs.h"
#include "door/heads.h"
#include "door/info_messages.h"
#include "door/predict_request.h"
#include "door/reflection.h"
#include "door/tests/example_maker.h"
#include "door/tests/fake_model.h"
#include "door/tests/request_maker.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

constexpr size_t kMostRows = 64;

void Promise(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

// Reads all values; whether they are of their kind.
void CheckValues(const ModelSpec& spec, const Batch& batch) {
  int64_t sum = 0;
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    const size_t count = batch.rows * static_cast<size_t>(spec.inputs[i].length);
    for (size_t at = 0; at < count; ++at) {
      if (batch.inputs[i].ids != nullptr) sum ^= batch.inputs[i].ids[at];
      if (batch.inputs[i].present != nullptr) sum ^= batch.inputs[i].present[at];
      if (batch.inputs[i].values != nullptr) Promise(std::isfinite(batch.inputs[i].values[at]), "finite");
    }
  }
  asm volatile("" : : "r"(sum));  // the reads are not to be left out
}

// Takes a request that passed Check.
void CheckBatch(const ModelSpec& spec, const Checked& checked, BatchInputs* inputs) {
  const size_t before = inputs->rows();
  if (!inputs->Append(checked).ok()) return Promise(inputs->rows() == before, "a refused request leaves the batch");
  Promise(inputs->rows() == before + checked.rows, "as many rows as were checked");
  CheckValues(spec, inputs->Slice(before, checked.rows));
}

// Whether the bytes are a request that the model takes.
bool TryPredict(std::string_view bytes) {
  static const ModelSpec spec = SearchSpec();
  PredictRequest request;
  Checked checked;
  const Refusal parsed = Parse(bytes, &request);
  Promise(parsed.ok() || !parsed.why.empty(), "a refusal says why");
  Promise(request.inputs.size() <= kMostNamed && request.output_filter.size() <= kMostNamed, "bounded");
  if (!parsed.ok() || !Check(spec, request, kMostRows, &checked).ok()) return false;
  Promise(checked.rows <= kMostRows && checked.inputs.size() == spec.inputs.size(), "a request that fits");
  BatchInputs inputs;
  inputs.Begin(spec);
  CheckBatch(spec, checked, &inputs);
  CheckBatch(spec, checked, &inputs);
  return true;
}

// Whether the bytes are a request over examples that the model takes.
bool TryExamples(std::string_view bytes, Method method) {
  static const ModelSpec spec = SearchSpec();
  ExampleRequest request;
  const Refusal parsed = Parse(bytes, method, &request);
  Promise(parsed.ok() || !parsed.why.empty(), "a refusal says why");
  if (!parsed.ok()) return false;
  std::vector<size_t> outputs;
  Promise(request.examples > 0 && !request.tasks.empty() && request.tasks.size() <= kMostTasks, "bounded");
  if (!ChooseHeads(spec, request.tasks, &outputs).ok()) return false;
  Promise(outputs.size() == request.tasks.size(), "an output for each task");
  BatchInputs inputs;
  inputs.Begin(spec);
  for (size_t turn = 0; turn < 2; ++turn) {
    if (!AppendExamples(spec, request, kMostRows, &inputs).ok()) {
      Promise(inputs.rows() == 0, "a refused request leaves the batch");
      return false;
    }
  }
  Promise(inputs.rows() == 2 * request.examples, "a row for each example");
  CheckValues(spec, inputs.Slice(request.examples, request.examples));
  return true;
}

void TryOthers(std::string_view bytes) {
  static FakeModel* model = [] {
    auto* made = new FakeModel();
    made->Publish({3, 3});
    return made;
  }();
  static const Reflection reflection({"a.Service"});
  std::string response;
  VersionName version;
  static_cast<void>(GetModelMetadata(bytes, "search", model, &response, &version));
  static_cast<void>(GetModelStatus(bytes, "search", *model, 4, &response));
  static_cast<void>(HandleReloadConfig(bytes, "search", &response));
  static_cast<void>(CheckHealth(bytes, true, &response));
  Promise(!reflection.Answer(bytes).empty(), "reflection answers");
}

bool Try(const uint8_t* data, size_t size) {
  // A block of exactly this size: one byte further is not ours.
  const auto bytes = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(bytes.get(), data, size);
  const std::string_view view(bytes.get(), size);
  TryOthers(view);
  bool taken = TryPredict(view);
  for (Method method : {Method::kClassify, Method::kMultiInference}) taken = TryExamples(view, method) || taken;
  return taken;
}

}  // namespace
}  // namespace tandem::serving::door

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tandem::serving::door::Try(data, size);
  return 0;
}

#ifndef TANDEM_LIBFUZZER
namespace tandem::serving::door {
namespace {

std::vector<std::string> Corpus() {
  const std::vector<int64_t> users = {1, -2, 3};
  const std::vector<float> numbers = {0.1f, 0.2f, -1.0f, 2.0f, 0.0f, 0.0f};
  std::string metadata, status, reload, list, model;
  PutBytes(&status, 1, VersionSelector("search", 3'000'000'003));
  metadata = status;
  PutBytes(&metadata, 2, "signature_def");
  PutBytes(&model, 1, "search");
  PutBytes(&list, 1, model);
  PutBytes(&reload, 1, list);
  return {
      Request(Selector("search"), SearchInputs()),
      Request(VersionSelector("search", 17'000'000'204),
              SearchInputs({{"user", PackedInt64s({3}, users)}, {"numeric", PackedFloats({3, 2}, numbers)}}), {"cvr"}),
      Request(Selector("search"),
              SearchInputs({{"user", UnpackedInt64s({3, 1}, users)}, {"numeric", UnpackedFloats({3, 2}, numbers)}})),
      Request(Selector("search"), SearchInputs({{"user", PackedInt64s({3}, {1})}, {"words", Strings({3, 3}, {"a"})}})),
      ExampleBytes(Selector("search"), ListInput({SearchExample(1), SearchExample(2)})),
      ExampleBytes(Signed("cvr/classification"),
                   ContextInput({SearchExample(3), Example({{"numeric", FloatList({1, 2})}})}, SearchExample(4))),
      Task(Selector("search"), std::string(kClassifyName)) + Task(Signed("cvr/regression"), std::string(kRegressName)) +
          Inside(2, ListInput({Example({{"user", UnpackedInt64List({1})}}) + SearchExample(5)})),
      metadata,
      status,
      reload,
  };
}

}  // namespace
}  // namespace tandem::serving::door

int main(int argc, char** argv) {
  using namespace tandem::serving::door;
  const long executions = argc > 1 ? std::atol(argv[1]) : 0;
  tandem::testing::Mutations mutations(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  const std::vector<std::string> corpus = Corpus();
  const auto attempt = [](const std::string& bytes) {
    return Try(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  };
  long good = 0, accepted = 0;
  for (const std::string& bytes : corpus) good += attempt(bytes);
  for (long i = 0; i < executions; ++i) {
    accepted += attempt(mutations.Next(corpus[static_cast<size_t>(i) % corpus.size()]));
  }
  std::printf("%ld good requests; %ld damaged ones, %ld of them still requests\n", good, executions, accepted);
  // Were hardly one accepted, nothing behind the first check would have been tried.
  return good == 7 && accepted * 50 >= executions ? 0 : 1;
}
#endif
