#include "door/example_inputs.h"

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "core/tests/check.h"
#include "core/xxh64.h"
#include "door/heads.h"
#include "door/tests/example_maker.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

constexpr size_t kMostRows = 4;

struct Read {
  std::string bytes;
  ModelSpec spec = SearchSpec();
  ExampleRequest request;
  BatchInputs inputs;
  Refusal refusal;

  explicit Read(const std::string& input, Method method = Method::kClassify)
      : bytes(method == Method::kMultiInference
                  ? Task(Selector("search"), std::string(kClassifyName)) + Inside(2, input)
                  : ExampleBytes(Selector("search"), input)) {
    inputs.Begin(spec);
    refusal = Parse(bytes, method, &request);
    if (refusal.ok()) refusal = AppendExamples(spec, request, kMostRows, &inputs);
  }

  int64_t user(size_t row) { return inputs.Slice(row, 1).inputs[0].ids[0]; }
};

int64_t Id(const std::string& text) { return static_cast<int64_t>(Xxh64(text.data(), text.size())); }

TEST(EachExampleIsARow) {
  for (Method method : {Method::kClassify, Method::kRegress, Method::kMultiInference}) {
    Read read(ListInput({SearchExample(7), SearchExample(-8)}), method);
    CHECK(read.refusal.ok() && read.request.examples == 2 && read.inputs.rows() == 2);
    const Batch batch = read.inputs.Slice(0, 2);
    CHECK(batch.inputs[0].ids[0] == 7 && batch.inputs[0].ids[1] == -8);
    CHECK(batch.inputs[1].ids[3] == Id("red") && batch.inputs[1].present[3] && !batch.inputs[1].present[4]);
    CHECK(batch.inputs[2].values[2] == 0.5f && batch.inputs[2].values[3] == -8.0f);
  }
}

TEST(RowsFollowThoseThatTheBatchHas) {
  Read read(ListInput({SearchExample(1)}));
  CHECK(AppendExamples(read.spec, read.request, kMostRows, &read.inputs).ok() && read.inputs.rows() == 2);
  CHECK(read.user(0) == 1 && read.user(1) == 1);
}

TEST(WhatAnExampleLacksIsTakenFromTheContext) {
  const std::string context = Example({{"user", Int64List({5})}, {"words", BytesList({"a", "b", "c"})}});
  const std::string bare = Example({{"numeric", FloatList({1, 2})}});
  const std::string own = Example({{"numeric", FloatList({1, 2})}, {"user", UnpackedInt64List({6})}});
  Read read(ContextInput({bare, own}, context));
  CHECK(read.refusal.ok() && read.user(0) == 5 && read.user(1) == 6);
  CHECK(read.inputs.Slice(1, 1).inputs[1].ids[2] == Id("c"));
}

// What protobuf makes of it: map entries that come again, messages that come in pieces, kinds that change.
TEST(PiecesAreMergedAsProtobufMerges) {
  const std::string example = SearchExample(1);
  const std::string twice = example + Example({{"user", Int64List({9})}});
  CHECK(Read(ListInput({twice})).user(0) == 9);
  const std::string changed = example + Example({{"user", FloatList({9}) + Int64List({4})}});
  CHECK(Read(ListInput({changed})).user(0) == 4);
  const std::string pieces = example + Example({{"numeric", FloatList({1}) + FloatList({2})}});
  CHECK(Read(ListInput({pieces})).inputs.Slice(0, 1).inputs[2].values[1] == 2.0f);
  Read joined(ListInput({example}) + ListInput({SearchExample(2)}));
  CHECK(joined.refusal.ok() && joined.inputs.rows() == 2 && joined.user(1) == 2);
  Read replaced(ListInput({example}) + ContextInput({SearchExample(3)}, "") + ListInput({SearchExample(4)}));
  CHECK(replaced.refusal.ok() && replaced.inputs.rows() == 1 && replaced.user(0) == 4);
  Read contexts(ContextInput({Example({})}, example) + ContextInput({}, Example({{"user", Int64List({8})}})));
  CHECK(contexts.refusal.ok() && contexts.user(0) == 8);
  CHECK(Read(ListInput({Example({{"more", Int64List({1, 2})}}) + example})).refusal.ok());
}

TEST(AWrongExampleIsRefusedWithItsNumberTheFeatureAndTheRemedy) {
  const std::string good = SearchExample(1);
  const struct {
    const char* name;
    std::string input, why;
  } table[] = {
      {"missing", ListInput({good, Example({{"user", Int64List({1})}})}),
       "example 1: feature 'words' is missing; add it to the example or to the context. The model takes 'user' "
       "(int64_list of 1), 'words' (bytes_list of 3), 'numeric' (float_list of 2)"},
      {"type", ListInput({good + Example({{"user", FloatList({1})}})}),
       "example 0: feature 'user' is a float_list; it must be a int64_list of 1"},
      {"no list", ListInput({good + Example({{"user", ""}})}),
       "example 0: feature 'user' has no list; it must be a int64_list of 1"},
      {"too few", ListInput({good, good, good + Example({{"words", BytesList({"red"})}})}),
       "example 2: feature 'words' has 1 values; it must be a bytes_list of 3"},
      {"too many", ListInput({good + Example({{"user", Int64List({1, 2})}})}),
       "example 0: feature 'user' has 2 values; it must be a int64_list of 1"},
      {"NaN", ListInput({good + Example({{"numeric", FloatList({0, std::nanf("")})}})}),
       "example 0: feature 'numeric' has nan at 1; send finite numbers only"},
      {"torn", ListInput({good, "\x0a\x7f"}),
       "example 1: it is no tensorflow.Example; write it as tf.train.Example serializes itself"},
      {"torn list", ListInput({good + Example({{"user", Inside(3, "\x0a\x01\x80")}})}),
       "example 0: it is no tensorflow.Example; write it as tf.train.Example serializes itself"},
      {"torn context", ContextInput({good}, "\x0a\x7f"),
       "the context is no tensorflow.Example; write it as tf.train.Example serializes itself"},
      {"none", ListInput({}),
       "the request has no examples; send at least one in input.example_list or input.example_list_with_context"},
      {"many", ListInput({good, good, good, good, good}),
       "the request has 5 rows, at most 4 are taken at once; split it"},
      {"no input", "\x0a\x7f",
       "the request is no tensorflow.serving.ClassificationRequest: input can't be read; send it with a stock client "
       "of TensorFlow Serving"},
  };
  for (const auto& row : table) {
    Read read(row.input);
    if (read.refusal.why != row.why) std::fprintf(stderr, "%s: %s\n", row.name, read.refusal.why.c_str());
    CHECK(read.refusal.why == row.why && read.refusal.code == Code::kInvalidArgument);
    CHECK(read.inputs.rows() == 0);
  }
}

Refusal ReadTasks(const std::vector<std::string>& tasks, std::vector<size_t>* outputs) {
  std::string bytes;
  for (const std::string& task : tasks) bytes += task;
  bytes += Inside(2, ListInput({SearchExample(1)}));
  ExampleRequest request;
  const Refusal refusal = Parse(bytes, Method::kMultiInference, &request);
  return refusal.ok() ? ChooseHeads(SearchSpec(), request.tasks, outputs) : refusal;
}

TEST(TasksChooseHeads) {
  const std::string classify(kClassifyName), regress(kRegressName);
  std::vector<size_t> outputs;
  CHECK(ReadTasks({Task(Signed("cvr/regression"), regress), Task(Selector("search"), classify),
                   Task(Signed("serving_default"), regress), Task(Signed("cvr/classification"), classify)},
                  &outputs)
            .ok());
  CHECK((outputs == std::vector<size_t>{1, 0, 0, 1}));
  const struct {
    std::vector<std::string> tasks;
    Code code;
    std::string why;
  } table[] = {
      {{}, Code::kInvalidArgument, "the request has no tasks; send at least one"},
      {{Task(Signed("x"), regress)},
       Code::kInvalidArgument,
       "signature_name 'x' is unknown to Regress; send one of 'ctr/regression', 'cvr/regression', or leave it out to "
       "get the first"},
      {{Task(Signed("ctr/regression"), classify)},
       Code::kInvalidArgument,
       "signature_name 'ctr/regression' is unknown to Classify; send one of 'ctr/classification', "
       "'cvr/classification', or leave it out to get the first"},
      {{Task(Selector("search"), classify), Task(Signed("ctr/classification"), classify)},
       Code::kInvalidArgument,
       "tasks[1] asks for 'ctr/classification' again; ask for it once"},
      {{Task(Selector("search"), classify), Task(Selector("ads"), regress)},
       Code::kInvalidArgument,
       "tasks ask for different models or versions; all must name 'search' and the same version"},
      {{Task(Selector("search"), "predict")},
       Code::kUnimplemented,
       "tasks[0] has method_name 'predict'; it must be 'tensorflow/serving/classify' or 'tensorflow/serving/regress'"},
      {std::vector<std::string>(kMostTasks + 1, Task(Selector("search"), classify)), Code::kInvalidArgument,
       "the request has more than 64 tasks; ask for each output once"},
  };
  for (const auto& row : table) {
    const Refusal refusal = ReadTasks(row.tasks, &outputs);
    CHECK(refusal.why == row.why && refusal.code == row.code);
  }
}

}  // namespace
}  // namespace tandem::serving::door
