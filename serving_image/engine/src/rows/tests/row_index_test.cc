#include "rows/row_index.h"

#include <limits>
#include <map>
#include <random>

#include "core/tests/check.h"

namespace tandem::serving {
namespace {

constexpr NodeWord Node(uint32_t slot) { return NodeOf(slot, 1, false, 1); }

TEST(EveryInt64IsAKey) {
  Readers readers;
  RowIndex index(&readers);
  uint32_t slot = 0;
  for (const int64_t key : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min(), int64_t{1} << 62}) {
    CHECK(index.Find(key, RowIndex::HashOf(key)) == nullptr);
    CHECK(index.Add(key, RowIndex::HashOf(key), Node(++slot)));
    CHECK(index.Find(key, RowIndex::HashOf(key))->load() == Node(slot));
  }
  CHECK(index.keys() == 4);
}

// Adds, takes away and brings back among few keys and many; at the end of each round all is as in the map.
TEST(TheIndexIsAMap) {
  for (const int64_t among : {50, 5000, 200000}) {
    Readers readers;
    RowIndex index(&readers);
    std::map<int64_t, NodeWord> model;
    std::mt19937_64 random(static_cast<uint64_t>(among));
    for (uint32_t step = 1; step <= 300000; ++step) {
      const auto key = static_cast<int64_t>(random() % static_cast<uint64_t>(among));
      const uint64_t hash = RowIndex::HashOf(key);
      std::atomic<NodeWord>* entry = index.Find(key, hash);
      const bool there = entry != nullptr && SlotOf(entry->load()) != 0;
      CHECK(there == (model.count(key) != 0));
      if (there && random() % 3 == 0) {
        index.Publish(entry, hash, kNoNode);
        model.erase(key);
      } else {
        if (entry != nullptr) {
          index.Publish(entry, hash, Node(step));
        } else {
          CHECK(index.Add(key, hash, Node(step)));
        }
        model[key] = Node(step);
      }
      if (step % 1000 == 0) index.Collect();
    }
    CHECK(index.keys() == model.size() && index.settled());
    for (const auto& [key, word] : model) CHECK(index.Find(key, RowIndex::HashOf(key))->load() == word);
    size_t visited = 0;
    for (int stripe = 0; stripe < RowIndex::kStripes; ++stripe) {
      index.ForEach(stripe, [&](int64_t key, uint64_t hash, std::atomic<NodeWord>* entry) {
        CHECK(hash == RowIndex::HashOf(key) && RowIndex::StripeOf(hash) == stripe);
        if (SlotOf(entry->load()) != 0) ++visited;
      });
    }
    CHECK(visited == model.size());
  }
}

TEST(AnOldArrayStaysForWhoReadsIt) {
  Readers readers;
  RowIndex index(&readers);
  CHECK(index.Add(1, RowIndex::HashOf(1), Node(1)));
  const Readers::Call call(readers);
  const std::atomic<NodeWord>* entry = index.Find(1, RowIndex::HashOf(1));
  for (int64_t key = 2; key < 5000; ++key) CHECK(index.Add(key, RowIndex::HashOf(key), Node(2)));
  index.Collect();
  CHECK(!index.settled() && entry->load() == Node(1));
}

TEST(AKeyTakesAboutThirtyBytes) {
  Readers readers;
  RowIndex index(&readers);
  for (int64_t key = 0; key < 400000; ++key) CHECK(index.Add(key, RowIndex::HashOf(key), Node(1)));
  const double each = static_cast<double>(index.bytes_used()) / 400000;
  CHECK(each > 25 && each < 34);
}

}  // namespace
}  // namespace tandem::serving
