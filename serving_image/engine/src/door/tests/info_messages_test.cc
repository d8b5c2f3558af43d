#include "door/info_messages.h"

#include "core/tests/check.h"
#include "door/selection.h"
#include "door/tests/fake_model.h"
#include "door/tests/request_maker.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

std::string Asks(const std::string& selector, const std::vector<std::string>& fields = {}) {
  std::string request;
  PutBytes(&request, 1, selector);
  for (const std::string& field : fields) PutBytes(&request, 2, field);
  return request;
}

TEST(MetadataDescribesTheSignature) {
  FakeModel model;
  model.Publish({3, 3});
  std::string response, expected, any, map, signature, spec = Selector("search"), number;
  VersionName version;
  CHECK(GetModelMetadata(Asks(Selector("search"), {"signature_def"}), "search", &model, &response, &version).ok());
  CHECK(version.text() == "3.3");
  const auto info = [](const std::string& name, int64_t type, const Sizes& sizes) {
    std::string out;
    PutBytes(&out, 1, name + ":0");
    PutNumber(&out, 2, type);
    PutBytes(&out, 3, ShapeBytes(sizes));
    return out;
  };
  PutEntry(&signature, 1, "user", info("user", kInt64, {-1, 1}));
  PutEntry(&signature, 1, "words", info("words", kString, {-1, 3}));
  PutEntry(&signature, 1, "numeric", info("numeric", kFloat, {-1, 2}));
  PutEntry(&signature, 2, "ctr", info("ctr", kFloat, {-1}));
  PutEntry(&signature, 2, "cvr", info("cvr", kFloat, {-1}));
  PutBytes(&signature, 3, "tensorflow/serving/predict");
  PutEntry(&map, 1, "serving_default", signature);
  for (const std::string output : {"ctr", "cvr"}) {
    std::string classification, regression;
    PutEntry(&classification, 1, "inputs", info("inputs", kString, {-1}));
    PutEntry(&classification, 2, "classes", info("classes", kString, {-1, 2}));
    PutEntry(&classification, 2, "scores", info("scores", kFloat, {-1, 2}));
    PutBytes(&classification, 3, "tensorflow/serving/classify");
    PutEntry(&map, 1, output + "/classification", classification);
    PutEntry(&regression, 1, "inputs", info("inputs", kString, {-1}));
    PutEntry(&regression, 2, "outputs", info("outputs", kFloat, {-1}));
    PutBytes(&regression, 3, "tensorflow/serving/regress");
    PutEntry(&map, 1, output + "/regression", regression);
  }
  PutBytes(&any, 1, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
  PutBytes(&any, 2, map);
  PutNumber(&number, 1, 3'000'000'003);
  PutBytes(&spec, 2, number);
  PutBytes(&spec, 3, "serving_default");
  PutBytes(&expected, 1, spec);
  PutEntry(&expected, 2, "signature_def", any);
  CHECK(response == expected);
}

TEST(MetadataOfSomethingElseIsRefused) {
  FakeModel model;
  std::string response;
  VersionName version;
  const auto asked = [&](const std::string& request) {
    return GetModelMetadata(request, "search", &model, &response, &version);
  };
  CHECK(asked(Asks(Selector("search"), {"signature_def"})).code == Code::kUnavailable);
  model.Publish({3, 3});
  CHECK(asked(Asks(Selector("search"), {"graph"})).why == "metadata_field is ['graph']; it must be ['signature_def']");
  CHECK(asked(Asks(Selector("search"))).why == "metadata_field is []; it must be ['signature_def']");
  CHECK(asked(Asks(Selector("ads"), {"signature_def"})).why ==
        "model 'ads' is not served here; this server has 'search'");
  CHECK(asked(Asks(VersionSelector("search", 17), {"signature_def"})).why ==
        "version 17 (0.17) is not served here; these are: 3000000003 (3.3). Leave the version out to get the newest");
  CHECK(asked("\x0a\x7f").code == Code::kInvalidArgument);
}

std::string Status(int64_t version, int64_t state) {
  std::string status, out;
  PutNumber(&status, 1, version);
  PutNumber(&status, 2, state);
  PutBytes(&status, 3, "");
  PutBytes(&out, 1, status);
  return out;
}

TEST(StatusSaysWhatIsHereAndWhatComes) {
  FakeModel model;
  const auto asked = [&](const std::string& request, std::optional<int64_t> loading) {
    std::string response;
    const Refusal refusal = GetModelStatus(request, "search", model, loading, &response);
    return refusal.ok() ? response : refusal.why;
  };
  CHECK(asked(Asks(Selector("search")), {}).empty());
  CHECK(asked(Asks(Selector("search")), 3) == Status(3'000'000'000, 20));
  CHECK(asked(Asks(VersionSelector("search", 1)), {}) == "version 1 is not here; these are: none yet");
  model.Publish({3, 2});
  model.Publish({3, 3});
  const std::string both = Status(3'000'000'003, 30) + Status(3'000'000'002, 30);
  CHECK(asked(Asks(Selector("search")), {}) == both);
  CHECK(asked(Asks(Selector("search")), 4) == both + Status(4'000'000'000, 20));
  CHECK(asked(Asks(VersionSelector("search", 3'000'000'002)), {}) == Status(3'000'000'002, 30));
  CHECK(asked(Asks(VersionSelector("search", 1)), 4) ==
        "version 1 is not here; these are: 3000000003, 3000000002, 4000000000");
  CHECK(asked(Asks(Selector("ads")), {}) == "model 'ads' is not served here; this server has 'search'");
  CHECK(asked("\x0a\x7f", {}).find("is no tensorflow.serving.GetModelStatusRequest") != std::string::npos);
}

std::string Reload(const std::vector<std::string>& names) {
  std::string list, config, request;
  for (const std::string& name : names) {
    std::string model;
    PutBytes(&model, 1, name);
    PutBytes(&list, 1, model);
  }
  PutBytes(&config, 1, list);
  PutBytes(&request, 1, config);
  return request;
}

TEST(ReloadingAgreesToWhatIsTheCase) {
  std::string response, agreed, status, other;
  CHECK(HandleReloadConfig(Reload({"search"}), "search", &response).ok());
  PutBytes(&agreed, 1, "");
  CHECK(response == agreed);
  PutNumber(&status, 1, 9);
  PutBytes(&status, 2,
           "this server serves 'search' and takes its versions from target.json in the store; change the OnlineModel "
           "instead");
  PutBytes(&other, 1, status);
  for (const auto& names : {std::vector<std::string>{"ads"}, {}, {"search", "ads"}, {"search", "search"}}) {
    response.clear();
    CHECK(HandleReloadConfig(Reload(names), "search", &response).ok());
    CHECK(response == other);
  }
  CHECK(HandleReloadConfig("\x0a\x7f", "search", &response).code == Code::kInvalidArgument);
}

TEST(WhatANameLacksIsSaid) {
  ModelSelector label;
  label.name = "search";
  label.label = "stable";
  FakeModel model;
  CHECK(TakeLabel("search", model, &label).why ==
        "version label 'stable' is not served here; these are: none. Leave the label out to get the newest");
  model.Label("candidate", {4, 1});
  CHECK(
      TakeLabel("search", model, &label).why ==
      "version label 'stable' is not served here; these are: 'candidate' (4.1). Leave the label out to get the newest");
  model.Label("stable", {3, 3});
  CHECK(TakeLabel("search", model, &label).ok() && label.version == 3'000'000'003 && label.label.empty());
  CHECK(CheckSignature("x").why == "signature_name 'x' is unknown; leave it out, or send 'serving_default'");
  CHECK(CheckSignature("").ok() && CheckSignature("serving_default").ok());
  CHECK(NotHere(-3, {{3, 3}, {3, 2}}).why ==
        "version -3 is not served here; these are: 3000000003 (3.3), 3000000002 (3.2). Leave the version out to get "
        "the newest");
  CHECK(NotHere({}, {}).why == "no base is loaded yet; ask again when /readyz says 200, or ask another replica");
}

}  // namespace
}  // namespace tandem::serving::door
