#include "core/tombstones.h"

#include <atomic>
#include <map>
#include <random>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

using Keys = std::vector<int64_t>;

TEST(TombstonesAreAMapWithFewBytes) {
  Tombstones tombstones;
  std::map<int64_t, uint32_t> model;
  std::atomic<uint32_t> now{9};
  std::mt19937_64 random(3);
  for (int i = 0; i < 200000; ++i) {
    const auto key = static_cast<int64_t>(random() % 5000) * 64 - 1000;
    if (random() % 3 != 0) {
      const uint32_t epoch = 1 + random() % 8;
      tombstones.Leave(key, epoch);
      model[key] = epoch;
    } else {
      CHECK(tombstones.Erase(key, now) == 9);
      model.erase(key);
    }
    if (i % 50000 == 49999) {
      tombstones.Drop(3);
      for (auto at = model.begin(); at != model.end();) at = at->second <= 3 ? model.erase(at) : std::next(at);
    }
    CHECK(tombstones.size() == model.size());
  }
  for (uint32_t first = 1; first < 9; ++first) {
    Keys expected;
    for (const auto& [key, epoch] : model) {
      if (epoch >= first && epoch <= 6) expected.push_back(key);
    }
    tombstones.Expect(first, 6);
    CHECK(tombstones.Collect() == expected);
  }
  tombstones.Clear();
  CHECK(tombstones.size() == 0 && tombstones.bytes() == 0);
  for (int64_t key = 0; key < 1000000; ++key) tombstones.Leave(key, 1);
  CHECK(tombstones.bytes() <= 23 * tombstones.size());
}

TEST(AKeyThatIsBornWhileACutBeginsIsStillToldOf) {
  struct Case {
    const char* name;
    uint32_t removed;  // epoch of the removal
    uint32_t born;     // epoch of the birth, after Expect(3, 5)
    Keys told;
  };
  const Case cases[] = {
      {"acknowledged long ago", 2, 6, {}},
      {"of the cut, born before the epoch moved on: its row is in the cut", 4, 5, {}},
      {"of the cut, born after it", 4, 6, {77}},
      {"the last epoch of the cut", 5, 6, {77}},
      {"after the cut", 6, 6, {}},
  };
  for (const Case& c : cases) {
    Tombstones tombstones;
    tombstones.Leave(77, c.removed);
    tombstones.Expect(3, 5);
    const std::atomic<uint32_t> now{c.born};
    CHECK(tombstones.Erase(77, now) == c.born);
    CHECK(tombstones.Collect() == c.told);
    CHECK(tombstones.size() == 0);
    tombstones.Expect(3, 6);
    CHECK(tombstones.Collect().empty());
  }
}

}  // namespace
}  // namespace tandem
