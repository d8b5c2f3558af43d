#include "versions/versions.h"

#include "versions/tests/shop.h"

namespace tandem::serving {
namespace {

using Pin = Versions::Pin;

std::vector<std::string> Texts(const Versions& versions) {
  std::vector<std::string> texts;
  for (const VersionId& id : versions.Known()) texts.push_back(id.text());
  return texts;
}

void ApplyNext(Shop* shop, Line* line, float word) {
  const int64_t update = line->newest()->id().update + 1;
  const auto tensors = Joined(ShopRows("word", {10}, {word}), ShopWeights());
  CHECK(line->Apply(shop->WriteUpdate(line->base(), update, tensors)).ok());
}

TEST(NothingIsAnsweredBeforeTheFirstVersion) {
  Shop shop;
  CHECK(!Pin(shop.versions) && !Pin(shop.versions, 17'000'000'000) && shop.versions.Known().empty());
  const auto line = shop.Loaded(17);
  CHECK(!Pin(shop.versions));
  shop.versions.Publish(line->newest());
  CHECK(Pin(shop.versions)->id().text() == "17.0");
}

TEST(TheLastFourOfEachBaseAreKept) {
  Shop shop;
  const auto first = shop.Loaded(17), second = shop.Loaded(18);
  shop.versions.Publish(first->newest());
  for (float word = 1; word <= 5; ++word) {
    ApplyNext(&shop, first.get(), word);
    shop.versions.Publish(first->newest());
  }
  shop.versions.Publish(second->newest());
  CHECK((Texts(shop.versions) == std::vector<std::string>{"18.0", "17.5", "17.4", "17.3", "17.2"}));
  CHECK(!Pin(shop.versions, 17'000'000'001) && Pin(shop.versions)->id().base == 18);
  const Pin pin(shop.versions, 17'000'000'003);
  CHECK(pin && Shop::RowOf(*pin, 1, 10) == 3);
}

TEST(GoingBackIsPublishingAgain) {
  Shop shop;
  const auto first = shop.Loaded(17), second = shop.Loaded(18);
  shop.versions.Publish(first->newest());
  shop.versions.Publish(second->newest());
  ApplyNext(&shop, first.get(), 7);
  shop.versions.Publish(first->newest());
  CHECK((Texts(shop.versions) == std::vector<std::string>{"17.1", "18.0", "17.0"}));
  shop.versions.Publish(first->newest());
  CHECK((Texts(shop.versions) == std::vector<std::string>{"17.1", "18.0", "17.0"}));
}

TEST(WhatIsOfferedCanBeAskedForAndIsNotAnsweredFrom) {
  Shop shop;
  const auto first = shop.Loaded(17), second = shop.Loaded(18);
  shop.versions.Offer(second->newest());
  CHECK(shop.versions.Known().empty());
  shop.versions.Publish(first->newest());
  shop.versions.Offer(second->newest());
  for (float word = 1; word <= 5; ++word) {
    ApplyNext(&shop, second.get(), word);
    shop.versions.Offer(second->newest());
    shop.versions.Offer(second->newest());
  }
  ApplyNext(&shop, first.get(), 1);
  shop.versions.Offer(first->newest());
  CHECK((Texts(shop.versions) == std::vector<std::string>{"17.0", "18.5", "18.4", "18.3", "18.2"}));
  CHECK(Pin(shop.versions)->id().text() == "17.0" && Pin(shop.versions, 18'000'000'005));
  shop.versions.Publish(second->newest());
  CHECK((Texts(shop.versions) == std::vector<std::string>{"18.5", "17.0", "18.4", "18.3", "18.2"}));
}

TEST(APinKeepsItsVersionAndItsRows) {
  Shop shop;
  const auto line = shop.Loaded(17);
  shop.versions.Publish(line->newest());
  const auto& table = line->newest()->table(1);
  {
    const Pin pin(shop.versions);
    for (float word = 1; word <= 6; ++word) {
      ApplyNext(&shop, line.get(), word);
      shop.versions.Publish(line->newest());
      CHECK(!shop.versions.Reclaim());
    }
    CHECK(pin->id().text() == "17.0" && Shop::RowOf(*pin, 1, 10) == 10 && table.slots() == 8);
  }
  while (!shop.versions.Reclaim()) continue;
  CHECK(table.slots() == 2 + 3);  // word 20, and word 10 in the four versions that are kept
}

TEST(ABaseIsDroppedUnlessItIsAnsweredFrom) {
  Shop shop;
  auto first = shop.Loaded(17), second = shop.Loaded(18, Shop::Parts(5));
  shop.versions.Publish(first->newest());
  shop.versions.Publish(second->newest());
  const Outcome refused = shop.versions.Drop(18);
  CHECK(refused.kind() == Outcome::Kind::kRefused && refused.why().find("version 18.0") != std::string::npos);
  CHECK(shop.versions.Drop(17).ok());
  first.reset();
  CHECK(!Pin(shop.versions, 17'000'000'000) && (Texts(shop.versions) == std::vector<std::string>{"18.0"}));
  while (!shop.versions.Reclaim()) continue;
  CHECK(second->newest()->table(0).slots() == 3 && Shop::RowOf(*second->newest(), 0, 1) == 5);
  CHECK(shop.versions.Drop(99).ok());
}

}  // namespace
}  // namespace tandem::serving
