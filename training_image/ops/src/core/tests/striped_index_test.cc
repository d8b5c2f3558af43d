#include "core/striped_index.h"

#include <atomic>
#include <limits>
#include <map>
#include <thread>
#include <vector>

#include "core/random.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

void Insert(StripedIndex& index, int64_t key, int64_t handle) {
  const int stripe = StripedIndex::StripeOf(StripedIndex::HashOf(key));
  const std::lock_guard<std::mutex> lock(index.mutex(stripe));
  index.MakeRoom(stripe);
  index.Insert(key, handle);
}

std::vector<int64_t> FindMany(const StripedIndex& index, const std::vector<int64_t>& keys) {
  std::vector<int64_t> handles(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) handles[i] = index.Find(keys[i], index.Prefetch(keys[i]));
  return handles;
}

TEST(AnEmptyIndexFindsNothing) {
  Readers readers;
  const StripedIndex index(&readers);
  CHECK(index.Find(0) == kNoHandle && index.size() == 0 && index.bytes_reserved() == 0);
}

TEST(EveryInt64IsAKeyAndEveryRowCanBeItsRow) {
  Readers readers;
  StripedIndex index(&readers);
  const std::vector<int64_t> keys = {0, -1, 1, std::numeric_limits<int64_t>::min(),
                                     std::numeric_limits<int64_t>::max()};
  const std::vector<int64_t> handles = {0, MakeHandle(0, 0xFFFFFFFF), MakeHandle(0xFFFFFFEF, 0xFFFFFFFF),
                                        MakeHandle(0xFFFFFFEF, 0), std::numeric_limits<int64_t>::max()};
  for (size_t i = 0; i < keys.size(); ++i) Insert(index, keys[i], handles[i]);
  CHECK(FindMany(index, keys) == handles);
  CHECK(index.Find(2) == kNoHandle);
  for (size_t i = 0; i < keys.size(); ++i) CHECK(index.Erase(keys[i]) == handles[i]);
  CHECK(index.size() == 0 && index.Find(0) == kNoHandle);
}

TEST(AHomeServesItsCallThoughTheStripeGrows) {
  Readers readers;
  StripedIndex index(&readers);
  const Readers::Call call(readers);
  Insert(index, 0, 7);
  const StripedIndex::Home known = index.Prefetch(0), unknown = index.Prefetch(1);
  for (int64_t key = 1; key < 20000; ++key) Insert(index, key, key + 7);
  CHECK(index.Find(0, known) == 7);
  CHECK(index.Find(1, unknown) == kNoHandle || index.Find(1, unknown) == 8);
  CHECK(index.Find(1, index.Prefetch(1)) == 8);
  CHECK(index.Erase(0) == 7);
  Insert(index, 0, 9);
  CHECK(index.Find(0, index.Prefetch(0)) == 9);
}

// A long random life beside std::map: inserts, erasures, keys that come back, growth, shrinking, and a clear.
TEST(TheIndexAgreesWithAMap) {
  Readers readers;
  StripedIndex index(&readers);
  std::map<int64_t, int64_t> model;
  uint64_t random = 1;
  for (int64_t i = 0; i < 200000; ++i) {
    const int64_t range = i < 120000 ? 20000 : 300;
    random += kGolden;
    const auto key = static_cast<int64_t>(Mix64(random) % (2 * range)) - range;
    const auto found = model.find(key);
    CHECK(index.Find(key) == (found == model.end() ? kNoHandle : found->second));
    CHECK(index.Find(key, index.Prefetch(key)) == index.Find(key));
    if (found != model.end()) {
      CHECK(index.Erase(key) == found->second);
      model.erase(found);
    } else {
      Insert(index, key, i);
      model[key] = i;
    }
    if (i == 60000) {
      index.Clear();
      model.clear();
    }
  }
  CHECK(index.size() == model.size());
  for (int64_t key = -20000; key < 20000; ++key) {
    const auto found = model.find(key);
    CHECK(index.Find(key) == (found == model.end() ? kNoHandle : found->second));
  }
}

TEST(StripesGrowInTurnAndMemoryStaysNearItsFigure) {
  Readers readers;
  StripedIndex index(&readers);
  size_t most_at_once = 0;
  for (int64_t key = 0; key < 400000; key += 1000) {
    const size_t before = index.bytes_reserved();
    for (int64_t k = key; k < key + 1000; ++k) Insert(index, k, k);
    if (key > 100000)
      most_at_once = std::max(most_at_once, index.bytes_reserved() - std::min(before, index.bytes_reserved()));
  }
  index.Collect();
  CHECK(index.bytes_used() > 400000 * 26 && index.bytes_used() < 400000 * 34);
  CHECK(index.bytes_reserved() < 400000 * 50);
  // A call of 1000 keys makes one or two of 64 stripes anew, not all.
  CHECK(most_at_once <= size_t{2} << 20);
}

TEST(BytesForIsABound) {
  for (const size_t keys : {100, 3000, 40000, 250000}) {
    Readers readers;
    StripedIndex index(&readers);
    for (size_t i = 0; i < keys; ++i) Insert(index, static_cast<int64_t>(i), static_cast<int64_t>(i));
    CHECK(index.bytes_used() <= StripedIndex::BytesFor(keys));
    // As many keys, after each was erased and another one came: dead entries need no more.
    for (size_t i = 0; i < 2 * keys; ++i) {
      index.Erase(static_cast<int64_t>(i));
      Insert(index, static_cast<int64_t>(i + keys), static_cast<int64_t>(i));
    }
    CHECK(index.size() == keys && index.bytes_used() <= StripedIndex::BytesFor(keys));
    CHECK(StripedIndex::BytesFor(keys) <= keys * 60 + 64 * 256);
  }
}

TEST(WhatIsErasedGivesItsMemoryBack) {
  Readers readers;
  StripedIndex index(&readers);
  for (int64_t key = 0; key < 300000; ++key) Insert(index, key, key);
  for (int64_t key = 0; key < 300000; ++key) {
    if (key % 100 != 0) CHECK(index.Erase(key) == key);
  }
  index.Collect();
  CHECK(index.size() == 3000 && index.bytes_reserved() < 3000 * 300);
  for (int64_t key = 0; key < 300000; ++key) CHECK(index.Find(key) == (key % 100 == 0 ? key : kNoHandle));
}

// While one thread inserts and erases through many growths, keys that nobody erases are always found.
TEST(ReadersFindWhatIsThereThroughGrowthAndErasure) {
  Readers readers;
  StripedIndex index(&readers);
  std::vector<int64_t> stay;
  for (int64_t key = 0; key < 500; ++key) stay.push_back(-1 - key);
  for (int64_t key : stay) Insert(index, key, 7 - key);
  std::atomic<bool> running{true};
  std::atomic<int64_t> lost{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&] {
      while (running) {
        const Readers::Call call(readers);
        const std::vector<int64_t> handles = FindMany(index, stay);
        for (size_t i = 0; i < stay.size(); ++i) lost += handles[i] != 7 - stay[i];
        for (int64_t key = 0; key < 50; ++key) {
          const int64_t handle = index.Find(key);
          wrong += handle != kNoHandle && handle != key + 1000000;
        }
      }
    });
  }
  for (int64_t key = 0; key < 30000; ++key) {
    Insert(index, key, key + 1000000);
    if (key >= 100) CHECK(index.Erase(key - 100) == key - 100 + 1000000);
  }
  running = false;
  for (std::thread& thread : threads) thread.join();
  CHECK(lost == 0 && wrong == 0);
}

}  // namespace
}  // namespace tandem
