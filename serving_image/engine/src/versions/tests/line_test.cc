#include "versions/line.h"

#include <cmath>
#include <limits>

#include "versions/tests/shop.h"

namespace tandem::serving {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr size_t kUser = 0, kWord = 1;

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void CheckSays(const Outcome& outcome, Outcome::Kind kind, const std::string& what) {
  const std::string said = std::string(NameOf(outcome.kind())) + " " + outcome.why();
  testing::Check(outcome.kind() == kind && Has(outcome.why(), what), (said + " | wanted: " + what).c_str(), __FILE__,
                 __LINE__);
}

TEST(ABaseAnswersFromItsRowsAndWeights) {
  Shop shop;
  const auto line = shop.Loaded(17);
  const Version& version = *line->newest();
  CHECK(version.id().number() == 17'000'000'000 && version.id().text() == "17.0");
  CHECK(version.watermark() == "2026-01-01T00:00:00.000Z" && shop.report == "{\"warm\":true}");
  CHECK(Shop::Answer(version, 2, 10) == 2 * 2 + 3 * 10);
  CHECK(Shop::Answer(version, 9, 11) == 0);
}

TEST(AnUpdateMakesANewVersionAndLeavesTheOldOne) {
  Shop shop;
  const auto line = shop.Loaded(17);
  const auto before = line->newest();
  const auto rows = Joined(ShopRows("word", {10, 30}, {11, 30}), ShopRemoved("word", {20, 99}));
  CHECK(line->Apply(shop.WriteUpdate(17, 3, Joined(rows, ShopWeights(2)))).ok());
  const auto after = line->newest();
  CHECK(after->id().text() == "17.3" && after->watermark() == "2026-01-02T00:00:00.000Z");
  CHECK(Shop::Answer(*before, 1, 10) == 2 + 30 && Shop::Answer(*after, 1, 10) == 2 * (2 + 33));
  CHECK(Shop::Answer(*before, 1, 20) == 2 + 60 && Shop::Answer(*after, 1, 20) == 2 * 2);
  CHECK(Shop::Answer(*before, 1, 30) == 2 && Shop::Answer(*after, 1, 30) == 2 * (2 + 90));
}

TEST(AnUpdateMayBringWeightsOnly) {
  Shop shop;
  const auto line = shop.Loaded(17);
  CHECK(line->Apply(shop.WriteUpdate(17, 1, ShopWeights(3))).ok());
  CHECK(Shop::Answer(*line->newest(), 1, 10) == 3 * (2 + 30));
}

TEST(AKeyframeReplacesTheChangingTables) {
  Shop shop;
  const auto line = shop.Loaded(17);
  const auto tensors = Joined(ShopRows("word", {20, 40}, {20, 40}), ShopWeights());
  CHECK(line->Apply(shop.WriteUpdate(17, 9, tensors, true)).ok());
  const Version& version = *line->newest();
  CHECK(Shop::RowOf(version, kWord, 10) == 0 && Shop::RowOf(version, kWord, 20) == 20);
  CHECK(Shop::RowOf(version, kWord, 40) == 40 && Shop::RowOf(version, kUser, 3) == 3);
}

TEST(AnUpdateThatIsNotFitIsRefusedByNameAndNothingChanges) {
  Shop shop;
  const auto line = shop.Loaded(17);
  CHECK(line->Apply(shop.WriteUpdate(17, 5, Joined(ShopRows("word", {10}, {12}), ShopWeights()))).ok());
  const auto running = line->newest();
  const WrittenTensors good = Joined(ShopRows("word", {10, 30}, {13, 30}), ShopWeights());
  const auto with = [&](const std::string& name, const Written& tensor) {
    WrittenTensors tensors = good;
    tensors.insert_or_assign(name, tensor);
    return tensors;
  };
  const auto without = [&](const std::string& name) {
    WrittenTensors tensors = good;
    tensors.erase(name);
    return tensors;
  };
  using Ints = std::vector<int64_t>;
  using Floats = std::vector<float>;
  struct Case {
    std::string what;
    int64_t base, update;
    bool keyframe;
    WrittenTensors tensors;
  };
  const std::vector<Case> cases = {
      {"updates/16/6: is of base 16, not of 17", 16, 6, false, good},
      {"updates/17/5: comes again or too late", 17, 5, false, good},
      {"updates/17/4: comes again or too late", 17, 4, false, good},
      {"rows/word/values is not finite in the row of key 30", 17, 6, false,
       with("rows/word/values", {{2, 3}, Floats{1, 1, 1, 1, kNan, 1}})},
      {"weights/scale is not finite at element 1", 17, 6, false, with("weights/scale", {{2}, Floats{1, INFINITY}})},
      {"rows/word/values is (2, 2) float32, must be (2, 3) float32", 17, 6, false,
       with("rows/word/values", {{2, 2}, Floats{1, 1, 1, 1}})},
      {"rows/word/keys is (2,) float32, must be (n,) int64", 17, 6, false, with("rows/word/keys", {{2}, Floats{1, 2}})},
      {"weights/scale is (1,) float32, the model says (2,) float32", 17, 6, false,
       with("weights/scale", {{1}, Floats{1}})},
      {"weights/variance is missing", 17, 6, false, without("weights/variance")},
      {"rows/word/keys and values must stand side by side", 17, 6, false, without("rows/word/values")},
      {"rows/word/keys must be unique and ascending: 10 comes after 10", 17, 6, false,
       with("rows/word/keys", {{2}, Ints{10, 10}})},
      {"rows/word/removed has key 30, which is also changed", 17, 6, false,
       with("rows/word/removed", {{2}, Ints{20, 30}})},
      {"rows/word/removed must be unique and ascending: 4 comes after 5", 17, 6, false,
       with("rows/word/removed", {{2}, Ints{5, 4}})},
      {"weights/gain is not in the model, or not in an update", 17, 6, false, with("weights/gain", {{1}, Floats{1}})},
      {"rows/user/keys is not in the model, or not in an update", 17, 6, false,
       Joined(good, ShopRows("user", {1}, {1}))},
      {"table word: a keyframe has keys and values", 17, 6, true, ShopWeights()},
      {"table word: a keyframe has keys and values", 17, 6, true, with("rows/word/removed", {{1}, Ints{20}})},
      {"the fold graph fails", 17, 6, false, Joined(ShopRows("word", {10}, {13}), ShopWeights(FakeDense::kCannotFold))},
      {"output \"ctr\" is not finite on a sample of its own rows", 17, 6, false,
       Joined(ShopRows("word", {10}, {13}), ShopWeights(1, -1))},
      {"output \"ctr\" is not finite on a sample of its own rows", 17, 6, true,
       Joined(ShopRows("word", {50}, {13}), ShopWeights(1, -1))},
  };
  for (const Case& c : cases) {
    const Outcome outcome = line->Apply(shop.WriteUpdate(c.base, c.update, c.tensors, c.keyframe));
    CheckSays(outcome, Outcome::Kind::kBadUpdate, c.what);
    CheckSays(outcome, Outcome::Kind::kBadUpdate, "; the update is refused and 17.5 stays");
    CHECK(line->newest() == running && Shop::Answer(*running, 1, 10) == 2 + 36 && Shop::Answer(*running, 1, 30) == 2);
    CHECK(running->table(kWord).rows(0) == 2);
  }
  CHECK(line->Apply(shop.WriteUpdate(17, 6, good)).ok());
  CHECK(Shop::Answer(*line->newest(), 1, 10) == 2 + 39 && Shop::Answer(*line->newest(), 1, 30) == 2 + 90);
}

TEST(ABaseThatIsNotFitIsRefusedByNameAndLeavesNothing) {
  Shop shop;
  const auto line = shop.Loaded(17);
  const auto parts = [](const std::string& file, const WrittenTensors& tensors) {
    auto all = Shop::Parts();
    all[file] = tensors;
    return all;
  };
  struct Case {
    std::string what;
    std::map<std::string, WrittenTensors> parts;
    std::string model;
  };
  const std::string wider =
      std::string(kShopModel).replace(std::string(kShopModel).find("\"length\":2"), 10, "\"length\":7");
  const std::vector<Case> cases = {
      {"checkpoints/18: rows/word/values is not finite in the row of key 20",
       parts("rows-word.safetensors", ShopRows("word", {10, 20}, {1, kNan})), kShopModel},
      {"rows/user/keys must be unique and ascending", parts("rows-user.safetensors", ShopRows("user", {2, 1}, {1, 2})),
       kShopModel},
      {"table user: a base has keys and values of every such table", parts("rows-user.safetensors", {}), kShopModel},
      {"weights.safetensors has tensor rows/word/keys, which another file of the same part has too",
       parts("weights.safetensors", Joined(ShopWeights(), ShopRows("word", {1}, {1}))), kShopModel},
      {"output \"ctr\" is not finite", parts("weights.safetensors", ShopWeights(1, -1)), kShopModel},
      {"its dense part takes 2 floats of input \"numeric\", model.json says 7", Shop::Parts(), wider},
      {"model.json: is not JSON", Shop::Parts(), "{"},
  };
  for (const Case& c : cases) {
    std::unique_ptr<Line> other;
    CheckSays(shop.Load(shop.WriteBase(18, c.parts, c.model), &other), Outcome::Kind::kBadExport, c.what);
    CHECK(other == nullptr && Shop::Answer(*line->newest(), 1, 10) == 2 + 30);
    CHECK(shop.tables.Reclaim() && line->newest()->table(kUser).slots() == 3);
  }
}

TEST(TwoBasesShareEqualRowsAndGoTheirOwnWays) {
  Shop shop;
  const auto first = shop.Loaded(17);
  auto parts = Shop::Parts();
  parts["rows-user.safetensors"] = ShopRows("user", {1, 2, 3}, {1, 2, 33});
  const auto second = shop.Loaded(18, parts);
  CHECK(first->newest()->table(kUser).slots() == 4 && second->newest()->table(kWord).slots() == 2);
  CHECK(first->Apply(shop.WriteUpdate(17, 1, Joined(ShopRows("word", {10}, {11}), ShopWeights()))).ok());
  CHECK(second->Apply(shop.WriteUpdate(18, 1, Joined(ShopRows("word", {10}, {12}), ShopWeights()))).ok());
  CHECK(Shop::RowOf(*first->newest(), kWord, 10) == 11 && Shop::RowOf(*second->newest(), kWord, 10) == 12);
  CHECK(Shop::RowOf(*first->newest(), kUser, 3) == 3 && Shop::RowOf(*second->newest(), kUser, 3) == 33);
}

TEST(OnlySoManyBasesFit) {
  Shop shop;
  std::vector<std::unique_ptr<Line>> lines;
  for (int64_t base = 1; base <= kLines; ++base) lines.push_back(shop.Loaded(base));
  std::unique_ptr<Line> fifth;
  CheckSays(shop.Load(shop.WriteBase(5), &fifth), Outcome::Kind::kNoRoom, "checkpoints/5: 4 bases are in memory");
  lines.erase(lines.begin());
  CHECK(shop.tables.Reclaim() && shop.Load(shop.WriteBase(5), &fifth).ok());
}

TEST(ALoadCanBeCalledOff) {
  Shop shop;
  std::unique_ptr<Line> line;
  CheckSays(shop.Load(shop.WriteBase(1), &line, [] { return false; }), Outcome::Kind::kRefused, "was called off");
  CHECK(line == nullptr && shop.tables.Reclaim() && shop.tables.bytes().used == 0);
}

}  // namespace
}  // namespace tandem::serving
