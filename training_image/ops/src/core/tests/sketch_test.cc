#include "core/sketch.h"

#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

constexpr size_t kRoomy = 1 << 20;

TEST(OccurrencesAreCountedFromTheFirst) {
  Sketch sketch(kRoomy, 4);
  for (uint32_t n = 1; n <= 50; ++n) {
    const Sketch::Seen seen = sketch.Count(2, -5, 1000 + n, 0);
    CHECK(seen.count == n && seen.first_seen == 1001);
  }
  CHECK(sketch.Count(2, 5, 2000, 0).count == 1);
  CHECK(sketch.Count(1, -5, 2000, 0).count == 1);  // another stripe knows nothing of it
}

TEST(WhatIsErasedOrForgottenBeginsAnew) {
  Sketch sketch(kRoomy, 1);
  sketch.Count(0, 1, 10, 0);
  Sketch::Erase(sketch.Count(0, 1, 20, 0));
  CHECK(sketch.Count(0, 1, 30, 0).first_seen == 30);
  sketch.Forget(0, 1);
  sketch.Forget(0, 2);
  CHECK(sketch.Count(0, 1, 40, 0).count == 1);
}

TEST(CountsStopAtTheirMost) {
  Sketch sketch(64, 1);
  for (uint32_t n = 0; n < Sketch::kMostCount + 10; ++n) sketch.Count(0, 1, 0, 0);
  CHECK(sketch.Count(0, 1, 0, 0).count == Sketch::kMostCount);
}

TEST(AgeingKeepsTheRateOfTheLastTicks) {
  struct Case {
    const char* what;
    uint32_t came, at, count, first_seen;  // `came` times at 1000, then once at `at`
  };
  const Case cases[] = {
      {"younger than the memory", 11, 1100, 12, 1000},
      {"twice as old: half of the ten that followed the first", 11, 1200, 7, 1100},
      {"ten times as old: one of them", 11, 2000, 3, 1900},
      {"older: nothing is left", 11, 2200, 1, 2200},
      {"once, long ago", 1, 1101, 1, 1101},
      {"before it was first seen", 11, 900, 12, 1000},
  };
  for (const Case& c : cases) {
    Sketch sketch(64, 1);
    for (uint32_t n = 0; n < c.came; ++n) sketch.Count(0, 1, 1000, 100);
    const Sketch::Seen seen = sketch.Count(0, 1, c.at, 100);
    CHECK(seen.count == c.count && seen.first_seen == c.first_seen);
  }
}

TEST(AFullLineGivesUpTheLowestRate) {
  Sketch sketch(64, 1);  // one line of 8
  for (int64_t key = 0; key < 8; ++key) {
    for (int n = 0; n <= key; ++n) sketch.Count(0, key, 100, 0);
  }
  CHECK(sketch.Count(0, 100, 200, 0).count == 1);  // takes the place of key 0, which came once
  CHECK(sketch.Count(0, 7, 200, 0).count == 9);
  CHECK(sketch.Count(0, 1, 200, 0).count == 3);
  CHECK(sketch.Count(0, 1, 200, 0).count == 4);
  CHECK(sketch.Count(0, 0, 200, 0).count == 1);  // new again: it takes the place of key 2 with 3
  CHECK(sketch.Count(0, 1, 200, 0).count == 5);
  CHECK(sketch.Count(0, 2, 200, 0).count == 1);
}

TEST(IdsSeldomShareACount) {
  Sketch sketch(kRoomy, 16);
  constexpr int64_t kIds = 40000;
  int shared = 0;
  for (int64_t key = 0; key < kIds; ++key) shared += sketch.Count(static_cast<int>(key % 16), key, 0, 0).count != 1;
  CHECK(shared > 0 && shared < 60);  // 2.4 earlier ids in the line on average, each the same once in 4096: 23
}

TEST(MemoryIsWhatWasAskedFor) {
  CHECK(Sketch(0, 64).bytes() == 0 && Sketch(0, 64).words() == 0);
  CHECK(Sketch(1 << 20, 64).words() * 8 == 1 << 20);
  CHECK(Sketch(1, 64).words() == 64 * 8);             // one line each at least
  CHECK(Sketch(64 * 64 + 63, 64).words() == 64 * 8);  // and only whole ones
  Sketch sketch(1 << 16, 3);
  CHECK(reinterpret_cast<uintptr_t>(sketch.Stripe(1)) % 64 == 0);
  for (size_t i = 0; i < sketch.stripe_words() * 3; ++i) CHECK(sketch.Stripe(0)[i] == 0);
}

}  // namespace
}  // namespace tandem
