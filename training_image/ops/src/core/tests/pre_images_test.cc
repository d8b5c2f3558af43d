#include "core/pre_images.h"

#include <atomic>
#include <vector>

#include "core/tests/bare_table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using testing::BareTable;

// One row, last changed in an epoch, touched in another while a cut of the epochs 3 ... 5 has come to a cursor.
TEST(AnImageIsSavedIfAndOnlyIfTheCutStillNeedsIt) {
  struct Case {
    const char* name;
    uint32_t changed, now, cursor;
    bool saved;
    uint32_t after;
    uint32_t seen = 70;
  };
  const Case cases[] = {
      {"of the cut and not read yet", 4, 6, 0, true, 6},
      {"the first epoch of the cut", 3, 6, 0, true, 6},
      {"the last epoch of the cut", 5, 6, 0, true, 6},
      {"just read", 4, 6, 1, false, 6},
      {"before the cut", 2, 6, 0, false, 6},
      {"saved before", 6, 6, 0, false, 6},
      {"the epoch has not moved on yet: the change belongs to the cut", 4, 5, 0, false, 5},
      {"an epoch is never lowered", 7, 6, 0, false, 7},
      {"a place without a row stays one", kNoLiveRow, 6, 0, false, kNoLiveRow},
      {"before the cut, but stamped since", 2, 6, 0, true, 6, 71},
      {"stamped since, and read", 2, 6, 1, false, 6, 71},
      {"stamped since, and saved before", 6, 6, 0, false, 6, 71},
      {"stamped since, where no row is", kNoLiveRow, 6, 0, false, kNoLiveRow, 71},
  };
  for (const Case& c : cases) {
    BareTable table(2, 1);
    const uint32_t row = RowOf(table.Birth(1, 8));
    CHECK(row == 0);
    PreImages images(&table.rows);
    table.rows.changed(row).store(c.changed);
    table.rows.seen(row).store(c.seen);
    images.Open(3, 5, 70);
    images.Advance(c.cursor);
    const std::atomic<uint32_t> now{c.now};
    images.Touch(row, now);
    CHECK(table.rows.changed(row) == c.after);
    Rows saved;
    CHECK(images.Take(&saved) == c.saved);
    CHECK(!c.saved || saved.values == std::vector<float>({8, 8}));
    CHECK(!images.Take(&saved));
  }
}

TEST(TimesThatWereKeptAreTheCutsWhateverIsStamped) {
  BareTable table(2, 0);
  const uint32_t first = RowOf(table.Birth(1, 0)), second = RowOf(table.Birth(2, 0));
  for (const uint32_t row : {first, second}) table.rows.seen(row) = 7;
  PreImages images(&table.rows);
  auto times = std::make_unique<KeptTimes>(second + 1);
  KeptTimes& kept = *times;
  images.Open(0, 5, 0, std::move(times));
  CHECK(images.bytes() == sizeof(uint32_t) * (second + 1));
  kept.Keep(first, 7);
  table.rows.seen(first) = 9;
  CHECK(images.Seen(first) == 7 && images.Seen(second) == 7);
  CHECK(images.FillTimes(second + 1));
  const uint32_t third = RowOf(table.Birth(3, 0));
  CHECK(!images.FillTimes(third + 1));  // of the cut, and there is no room for it
  for (const uint32_t row : {first, second, third}) table.rows.seen(row) = 10;
  CHECK(images.Seen(first) == 7 && images.Seen(second) == 7 && images.Seen(third) == 10);
  table.rows.changed(first).store(4);
  images.Touch(first, std::atomic<uint32_t>{6});
  Rows saved;
  CHECK(images.Take(&saved) && saved.seen == std::vector<int64_t>{7});
  images.Close();
  images.ForgetTimes();
  CHECK(images.Seen(first) == 10 && images.bytes() == 0);
}

TEST(WhatWasSavedGoesWithTheCut) {
  BareTable table(2, 1);
  PreImages images(&table.rows);
  const std::atomic<uint32_t> now{6};
  const auto touch = [&](int64_t key) {
    const uint32_t row = RowOf(table.Birth(key, 1));
    table.rows.changed(row).store(4);
    images.Touch(row, now);
  };
  Rows saved;
  touch(1);  // no cut is open
  images.Open(3, 5, 0);
  touch(2);
  images.EndReading();
  touch(3);
  CHECK(images.Take(&saved) && saved.keys == std::vector<int64_t>{2});
  images.Open(3, 5, 0);
  touch(4);
  CHECK(images.bytes() > 0);
  images.Close();
  CHECK(images.bytes() == 0 && !images.Take(&saved));
}

}  // namespace
}  // namespace tandem
