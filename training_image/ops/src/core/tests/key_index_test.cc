#include "core/key_index.h"

#include <limits>
#include <map>
#include <vector>

#include "core/random.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

TEST(AnEmptyIndexFindsNothing) {
  const KeyIndex index;
  CHECK(index.Find(0) == kNoRow && index.size() == 0);
}

TEST(EveryInt64IsAKey) {
  KeyIndex index;
  const std::vector<int64_t> keys = {0, -1, 1, std::numeric_limits<int64_t>::min(),
                                     std::numeric_limits<int64_t>::max()};
  index.Reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) index.Insert(keys[i], static_cast<uint32_t>(i));
  for (size_t i = 0; i < keys.size(); ++i) CHECK(index.Find(keys[i]) == i);
  CHECK(index.Find(2) == kNoRow);
}

// A long random life beside std::map: inserts, erasures that must close their gaps, growth, and a clear.
TEST(TheIndexAgreesWithAMap) {
  KeyIndex index;
  std::map<int64_t, uint32_t> model;
  uint64_t random = 1;
  for (uint32_t i = 0; i < 60000; ++i) {
    random += kGolden;
    const auto key = static_cast<int64_t>(Mix64(random) % 700) - 350;
    const bool there = model.count(key) != 0;
    CHECK((index.Find(key) != kNoRow) == there);
    if (there) {
      CHECK(index.Find(key) == model[key]);
      index.Erase(key);
      model.erase(key);
    } else {
      index.Reserve(index.size() + 1);
      index.Insert(key, i);
      model[key] = i;
    }
    if (i == 30000) {
      index.Clear();
      model.clear();
    }
  }
  CHECK(index.size() == model.size());
  for (int64_t key = -350; key < 350; ++key) {
    const auto found = model.find(key);
    CHECK(index.Find(key) == (found == model.end() ? kNoRow : found->second));
  }
}

}  // namespace
}  // namespace tandem
