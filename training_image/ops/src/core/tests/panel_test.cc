#include "core/panel.h"

#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

TEST(MembersAreWatchedUntilTheyLeave) {
  Panel panel;
  CHECK(panel.Join(-7, 100, 40, 0, 1) == 0);
  CHECK(panel.Join(0, 110, 50, 0, 1) == 1);  // every int64 is an id
  CHECK(panel.Member(-7) == 0 && panel.Member(0) == 1 && panel.Member(1) == Panel::kNone);
  panel.Repeat(0, 150, 0);
  panel.Repeat(0, 160, 0);
  panel.Leave(0, 160);
  panel.Repeat(0, 170, 0);  // watched no longer
  std::vector<Watched> seen;
  panel.Read(200, 0, &seen);
  CHECK(seen.size() == 2);
  CHECK(seen[0].unseen == 40 && seen[0].elapsed == 60 && seen[0].repeats == 2);
  CHECK(seen[1].unseen == 50 && seen[1].elapsed == 90 && seen[1].repeats == 0);
}

TEST(MembersAreWatchedForAHorizon) {
  Panel panel;
  panel.Join(1, 100, 0, 50, 1);
  panel.Repeat(0, 150, 50);
  panel.Repeat(0, 151, 50);
  std::vector<Watched> seen;
  panel.Read(1000, 50, &seen);
  CHECK(seen[0].elapsed == 50 && seen[0].repeats == 1);
}

// How many of the members of many panels came in each tenth of the stream.
std::vector<int> Tenths(uint32_t horizon) {
  constexpr int kPanels = 400, kIds = 1000;
  std::vector<int> tenths(10);
  for (int p = 0; p < kPanels; ++p) {
    Panel panel;
    for (int i = 0; i < kIds; ++i) {
      const int64_t key = int64_t{p} * kIds + i;
      const int place = panel.Join(key, static_cast<uint32_t>(i), 0, horizon, 9);
      CHECK(i >= Panel::kPlaces || place == i);
    }
    std::vector<Watched> seen;
    panel.Read(kIds, 0, &seen);
    CHECK(seen.size() == Panel::kPlaces);
    for (const Watched& id : seen) ++tenths[static_cast<size_t>((kIds - id.elapsed) / 100)];
  }
  return tenths;
}

TEST(ThePanelIsAUniformSample) {
  for (const int members : Tenths(0)) CHECK(members > 250 && members < 390);  // 320 expected, deviation 17
}

TEST(WithAHorizonOldMembersGiveWay) {
  const std::vector<int> tenths = Tenths(100);
  CHECK(tenths[9] > 3 * tenths[4] && tenths[8] > 2 * tenths[3]);
}

TEST(AForgottenMemberLeavesItsPlace) {
  Panel panel;
  for (int i = 0; i < Panel::kPlaces; ++i) panel.Join(i, 5, 0, 0, 1);
  panel.Forget(3);
  panel.Forget(99);
  CHECK(panel.Member(3) == Panel::kNone);
  CHECK(panel.Join(77, 6, 0, 0, 1) == 3);
}

TEST(APanelComesBackFromItsWords) {
  Panel panel, other;
  for (int i = 0; i < 50; ++i) panel.Join(i, static_cast<uint32_t>(i), 3, 20, 1);
  uint64_t words[Panel::kWords], again[Panel::kWords];
  panel.Save(words);
  other.Load(words);
  other.Save(again);
  for (size_t i = 0; i < Panel::kWords; ++i) CHECK(words[i] == again[i]);
  for (int i = 50; i < 200; ++i) {
    CHECK(panel.Join(i, static_cast<uint32_t>(i), 3, 20, 1) == other.Join(i, static_cast<uint32_t>(i), 3, 20, 1));
  }
}

}  // namespace
}  // namespace tandem
