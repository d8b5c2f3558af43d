#include "door/predict_request.h"

#include <string>

#include "core/tests/check.h"
#include "door/tests/request_maker.h"
#include "door/wire_reader.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

std::string Field(uint32_t number, uint32_t wire, const std::string& rest) {
  std::string out;
  PutVarint(&out, uint64_t{number} << 3 | wire);
  return out + rest;
}

TEST(ARequestIsReadWhereItLies) {
  std::string selector = VersionSelector("search", 17'000'000'204);
  PutBytes(&selector, 3, "serving_default");
  const std::string bytes = Request(selector, SearchInputs(), {"cvr"});
  PredictRequest request;
  CHECK(Parse(bytes, &request).ok());
  CHECK(request.model.name == "search" && request.model.signature == "serving_default");
  CHECK(request.model.version == 17'000'000'204 && request.model.label.empty());
  CHECK(request.inputs.size() == 3 && request.output_filter.size() == 1 && request.output_filter[0] == "cvr");
  const TensorView& words = request.inputs[1];
  CHECK(words.name == "words" && words.dtype == kString && words.strings == 9 && words.shape.count == 9);
  const TensorView& user = request.inputs[0];
  CHECK(user.content.data() > bytes.data() && user.content.data() < bytes.data() + bytes.size());
}

TEST(AnEmptyMessageIsARequestWithoutAnything) {
  PredictRequest request;
  CHECK(Parse("", &request).ok());
  CHECK(request.inputs.empty() && request.model.name.empty() && !request.model.version);
}

TEST(ParsingAgainForgetsTheRequestBefore) {
  PredictRequest request;
  const std::string full = Request(VersionSelector("search", 3), SearchInputs(), {"cvr"});
  CHECK(Parse(full, &request).ok());
  CHECK(Parse("", &request).ok());
  CHECK(request.inputs.empty() && request.output_filter.empty() && !request.model.version);
}

TEST(UnknownFieldsArePassedOver) {
  const std::string group = Field(9, 3, Field(1, 0, "\x05") + Field(2, 3, Field(2, 4, "")) + Field(9, 4, ""));
  const std::string before = Field(500, 0, std::string("\x80\x01", 2)) + Field(7, 1, "12345678") +
                             Field(8, 2, "\x03xyz") + Field(6, 5, "1234") + group;
  PredictRequest request;
  const std::string bytes = before + Request(Selector("search"), SearchInputs()) + before;
  CHECK(Parse(bytes, &request).ok());
  CHECK(request.model.name == "search" && request.inputs.size() == 3);
}

TEST(VersionAndLabelAreOneChoice) {
  std::string label_last = VersionSelector("m", 4);
  PutBytes(&label_last, 4, "stable");
  std::string version_last;
  PutBytes(&version_last, 4, "stable");
  version_last += VersionSelector("m", 0);
  ModelSelector model;
  CHECK(ParseModelSelector(label_last, &model));
  CHECK(!model.version && model.label == "stable");
  model = {};
  CHECK(ParseModelSelector(version_last, &model));
  CHECK(model.version == 0 && model.label.empty());
}

TEST(AMessageThatComesTwiceIsMerged) {
  std::string bytes;
  PutBytes(&bytes, 1, Selector("a"));
  PutBytes(&bytes, 1, VersionSelector("b", 3));
  std::string signature;
  PutBytes(&signature, 3, "serving_default");
  PutBytes(&bytes, 1, signature);
  std::string entry;
  PutBytes(&entry, 1, "user");
  PutBytes(&entry, 2, PackedInt64s({2}, {5}));
  std::string more;
  PutNumber(&more, 10, 6);
  PutBytes(&entry, 2, more);
  PutBytes(&bytes, 2, entry);
  PredictRequest request;
  CHECK(Parse(bytes, &request).ok());
  CHECK(request.model.name == "b" && request.model.version == 3 && request.model.signature == "serving_default");
  CHECK(request.inputs.size() == 1 && request.inputs[0].int64s == 2);
  int64_t values[2];
  ReadInt64s(request.inputs[0], values);
  CHECK(values[0] == 5 && values[1] == 6);
}

TEST(BytesThatAreNoRequestAreRefused) {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += Field(9, 3, "");
  const std::string bad_utf8("\xff\xfe", 2);
  std::string torn_floats = Tensor(kFloat, {2});
  PutBytes(&torn_floats, 5, "12345");
  std::string torn_varints = Tensor(kInt64, {2});
  PutBytes(&torn_varints, 10, "\x05\x80");
  std::string bad_name;
  PutBytes(&bad_name, 1, bad_utf8);
  std::string bad_signature;
  PutBytes(&bad_signature, 3, bad_utf8);
  const struct {
    std::string bytes;
    const char* where;
  } table[] = {
      {Field(1, 2, "\x7fxyz"), "model_spec"},
      {Field(1, 2, ""), "model_spec"},
      {Field(4, 0, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "a field"},
      {std::string("\x00", 1), "a field"},
      {Field(9, 4, ""), "a field"},
      {Field(9, 6, ""), "a field"},
      {Field(9, 3, Field(8, 4, "")), "a field"},
      {deep, "a field"},
      {Field(5, 1, "1234567"), "a field"},
      {Field(5, 5, "123"), "a field"},
      {Request(bad_name, {}), "model_spec"},
      {Request(bad_signature, {}), "model_spec"},
      {Request(Selector("m"), {{bad_utf8, Int64s({1}, {1})}}), "inputs"},
      {Request(Selector("m"), {{"user", torn_floats}}), "inputs"},
      {Request(Selector("m"), {{"user", torn_varints}}), "inputs"},
      {Request(Selector("m"), {{"user", "\x12\x05"}}), "inputs"},
      {Request(Selector("m"), {}, {bad_utf8}), "output_filter"},
  };
  for (const auto& row : table) {
    PredictRequest request;
    const Refusal refusal = Parse(row.bytes, &request);
    CHECK(refusal.code == Code::kInvalidArgument);
    CHECK(refusal.why == std::string("the request is no tensorflow.serving.PredictRequest: ") + row.where +
                             " can't be read; send it with a stock client of TensorFlow Serving");
  }
}

TEST(AShortBodyCantAskForMuchMemory) {
  PredictRequest request;
  std::string inputs, filter;
  for (size_t i = 0; i <= kMostNamed; ++i) {
    PutBytes(&inputs, 2, "");
    PutBytes(&filter, 3, "");
  }
  CHECK(Parse(inputs, &request).why == "the request has more than 1024 inputs; send each name once");
  CHECK(Parse(filter, &request).why == "the request has more than 1024 names in output_filter; send each name once");
}

TEST(AnotherWireTypeIsAnotherField) {
  PredictRequest request;
  const std::string bytes = Field(1, 0, "\x05") + Field(2, 5, "1234") + Field(3, 0, "\x01");
  CHECK(Parse(bytes, &request).ok());
  CHECK(request.inputs.empty() && request.output_filter.empty());
}

TEST(TheProductOfSizesIsExactOrSaysThatItIsNot) {
  const struct {
    Sizes sizes;
    uint64_t count;
    bool countless;
  } table[] = {
      {{}, 1, false},
      {{3, 5}, 15, false},
      {{int64_t{1} << 32, int64_t{1} << 31}, uint64_t{1} << 63, false},
      {{int64_t{1} << 62, int64_t{1} << 62, 0}, 0, false},
      {{0, int64_t{1} << 62, int64_t{1} << 62}, 0, false},
  };
  for (const auto& row : table) {
    PredictRequest request;
    const std::string bytes = Request(Selector("m"), {{"user", Tensor(kInt64, row.sizes)}});
    CHECK(Parse(bytes, &request).ok());
    const Shape& shape = request.inputs[0].shape;
    CHECK(shape.count == row.count && shape.countless == row.countless && shape.rank == row.sizes.size());
  }
}

}  // namespace
}  // namespace tandem::serving::door
