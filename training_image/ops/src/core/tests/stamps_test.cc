#include "core/stamps.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/tests/bare_table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using testing::BareRows;
using testing::BareTable;
using testing::Gather;
using testing::KeysOf;
using testing::ReadAll;
using Keys = std::vector<int64_t>;

// Reads a delta and acknowledges it if told to; the keys that it had.
Keys Delta(BareTable& table, bool acknowledge, int consumer = 0) {
  const auto cut = table.Begin(false, consumer);
  const Keys keys = KeysOf(ReadAll(*cut, table.rows, 1));
  CHECK(!acknowledge || table.changes.Ack(consumer, cut->epoch()).ok());
  return keys;
}

// Reads one row, so that the reader of the cut stands behind it.
BareRows ReadFirst(Cut& cut) {
  Rows block;
  CHECK(cut.Next(1, &block));
  BareRows read;
  Gather(block, 2, 0, &read);
  return read;
}

// Whether the row's own epoch tells of the change.
bool IsTouched(const BareTable& table, int64_t key) {
  return table.rows.changed(table.places.at(key)) == table.changes.epoch();
}

// A hundred rows, in more than one block, of which every consumer has heard; key 3 was seen at 50, the others never.
struct Told : BareTable {
  Told() : BareTable(2, 0) {
    for (int64_t key = 0; key < 100; ++key) Birth(key, 0);
    Stamp(3, 50);
    const auto whole = Begin(true, 1);
    CHECK(ReadAll(*whole, rows).size() == 100);
    CHECK(changes.Ack(1, whole->epoch()).ok());
    CHECK(Delta(*this, true).size() == 100);
  }
};

TEST(OnlyAStampThatTheColumnCanNotTellOfTouches) {
  struct Case {
    const char* name;
    int64_t key;
    uint32_t time;
    bool touches, changes;
  };
  const Case cases[] = {
      {"later than the last cut's latest", 5, 51, false, true},    {"as late as that", 5, 50, true, true},
      {"earlier, of a row that was seen never", 5, 1, true, true}, {"as late as the row was seen", 3, 50, false, false},
      {"earlier than the row was seen", 3, 49, false, false},      {"no time at all", 5, 0, false, false},
      {"the last time there is", 5, 0xFFFFFFFFu, false, true},
  };
  for (const Case& c : cases) {
    Told table;
    table.Stamp(c.key, c.time);
    CHECK(IsTouched(table, c.key) == c.touches);
    const Keys expected = c.changes ? Keys{c.key} : Keys{};
    for (int consumer : {0, 1}) {
      CHECK(Delta(table, false, consumer) == expected);
      CHECK(Delta(table, true, consumer) == expected);  // what was not acknowledged is in it again
      CHECK(Delta(table, true, consumer).empty());
    }
  }
}

TEST(AfterTheLastTimeThereIsEveryStampTouches) {
  Told table;
  table.Stamp(5, 0xFFFFFFFFu);
  CHECK(Delta(table, true) == Keys{5});
  table.Stamp(6, 60);
  CHECK(IsTouched(table, 6));
  CHECK(Delta(table, true) == Keys{6});
}

TEST(WhileADeltaIsReadEveryStampTouches) {
  for (const uint32_t time : {20u, 90u}) {
    for (const int64_t key : {1, 98}) {  // behind and before the reader
      Told table;
      table.Stamp(1, 60);
      table.Stamp(50, 61);
      table.Stamp(98, 62);
      const auto cut = table.Begin(false);
      BareRows read = ReadFirst(*cut);
      table.Stamp(key + 1, time);
      table.Stamp(key, 100);
      CHECK(IsTouched(table, key) && IsTouched(table, key + 1));
      for (const auto& [late, row] : ReadAll(*cut, table.rows)) read[late] = row;
      CHECK(KeysOf(read) == Keys({1, 50, 98}));
      CHECK(read[1].seen == 60 && read[50].seen == 61 && read[98].seen == 62);
      CHECK(table.changes.Ack(0, cut->epoch()).ok());
      CHECK(Delta(table, true) == Keys({key, key + 1}));
      CHECK(Delta(table, true, 1) == (key == 1 ? Keys{1, 2, 50, 98} : Keys{1, 50, 98, 99}));
      CHECK(Delta(table, true).empty() && Delta(table, true, 1).empty());
    }
  }
}

TEST(WhileAFullCutIsReadOnlyTimesThatItCanHaveMetTouch) {
  for (const int64_t key : {1, 98}) {  // behind and before the reader
    Told table;
    table.Stamp(1, 60);
    table.Stamp(98, 62);
    const auto cut = table.Begin(true);
    BareRows read = ReadFirst(*cut);
    table.Stamp(key, 100);
    CHECK(!IsTouched(table, key));
    table.Stamp(key + 1, 62);
    CHECK(IsTouched(table, key + 1));
    table.Stamp(50, 100);
    table.changes.Touch(table.places.at(50));  // a step: what it saves was seen before the stamp
    table.Birth(200, 0);                       // not of the cut
    table.Stamp(200, 90);
    for (const auto& [late, row] : ReadAll(*cut, table.rows)) read[late] = row;
    CHECK(read.size() == 100);
    for (const auto& [told, row] : read) CHECK(row.seen == (told == 1 ? 60 : told == 3 ? 50 : told == 98 ? 62 : 0));
    CHECK(table.changes.Ack(0, cut->epoch()).ok());
    CHECK(Delta(table, true) == (key == 1 ? Keys{1, 2, 50, 200} : Keys{50, 98, 99, 200}));
    CHECK(Delta(table, true, 1) == (key == 1 ? Keys{1, 2, 50, 98, 200} : Keys{1, 50, 98, 99, 200}));
    CHECK(Delta(table, true).empty() && Delta(table, true, 1).empty());
  }
}

TEST(ACutThatIsLeftHasSettledNothingThatIsLost) {
  for (const int blocks : {0, 1, 2}) {
    for (const bool full : {false, true}) {
      Told table;
      for (int64_t key : {2, 40, 97}) table.Stamp(key, 70 + static_cast<uint32_t>(key));
      {
        const auto cut = table.Begin(full);
        Rows block;
        for (int i = 0; i < blocks; ++i) CHECK(cut->Next(1, &block));
      }
      table.Stamp(41, 60);
      CHECK(Delta(table, true) == Keys({2, 40, 41, 97}));
      CHECK(Delta(table, true).empty());
      CHECK(Delta(table, true, 1) == Keys({2, 40, 41, 97}));
      table.Stamp(41, 999);
      CHECK(!IsTouched(table, 41));
      CHECK(Delta(table, true) == Keys{41});
    }
  }
}

TEST(ACutThatNobodyWaitedForSettlesNothing) {
  Told table;
  table.Stamp(2, 70);
  {
    std::shared_ptr<Cut> cut;
    CHECK(Cut::Begin(false, 0, nullptr, &table.rows, &table.changes, &cut).ok());
  }
  table.Stamp(3, 80);
  CHECK(Delta(table, true) == Keys({2, 3}));
}

// What consumers acknowledge late or never, and full cuts of nobody, in between stamps.
TEST(AStampIsOfTheEpochInWhichItWasMade) {
  Told table;
  table.Stamp(1, 60);
  const auto first = table.Begin(false);
  CHECK(KeysOf(ReadAll(*first, table.rows)) == Keys{1});
  table.Stamp(2, 70);
  CHECK(ReadAll(*table.Begin(true, kNobody), table.rows).size() == 100);
  CHECK(!IsTouched(table, 2));  // the full cut told of it, in its epoch
  table.Stamp(3, 80);
  table.Stamp(4, 10);
  CHECK(Delta(table, false) == Keys({1, 2, 3, 4}));
  CHECK(table.changes.Ack(0, first->epoch()).ok());
  CHECK(Delta(table, true) == Keys({2, 3, 4}));
  CHECK(Delta(table, true).empty());
  CHECK(Delta(table, true, 1) == Keys({1, 2, 3, 4}));
}

TEST(ALoadSettlesBeforeItWritesTimesOfAnyOrder) {
  struct Case {
    const char* name;
    uint32_t seen;
  };
  for (const Case& c : {Case{"earlier than all", 1}, Case{"as late as a stamp", 60}, Case{"later than all", 500}}) {
    Told table;
    table.Stamp(1, 60);
    table.Stamp(2, 60);
    {
      Changes::Loading loading(&table.changes, &table.readers);
      loading.Seen(c.seen);
      table.rows.seen(table.places.at(2)) = c.seen;
      loading.Loaded(table.places.at(2), 2);
      table.Stamp(7, 400);
      CHECK(IsTouched(table, 7));
    }
    CHECK(Delta(table, false) == Keys({1, 7}));  // 2 was loaded and counts as acknowledged
    table.Stamp(2, c.seen + 1);
    table.Stamp(8, 600);
    CHECK(Delta(table, true) == Keys({1, 2, 7, 8}));
    CHECK(Delta(table, true).empty());
  }
}

// Loads of rows beside threads that stamp: each thread's own rows are dirty up to its last stamp, acknowledged or not.
TEST(StampsBesideCutsAndLoadsAreNeverLost) {
  constexpr int64_t kRows = 400;
  BareTable table(2, 0);
  for (int64_t key = 0; key <= kRows; ++key) table.Birth(key, 0);
  std::atomic<bool> running{true};
  std::vector<std::thread> lookers;
  for (int thread = 0; thread < 2; ++thread) {
    lookers.emplace_back([&, thread] {
      for (uint32_t clock = 1; running; ++clock) {
        const Readers::Call call(table.readers);
        // One of the threads tells times that are often earlier than the other's.
        const Stamps::Stamp stamp = table.changes.BeginStamps(thread == 0 ? clock : 3 * clock);
        for (int64_t key = thread; key < kRows; key += 2) table.changes.Stamp(table.places.at(key), stamp);
      }
    });
  }
  std::map<int64_t, int64_t> replica;
  const auto delta = [&] {
    std::shared_ptr<Cut> cut;
    CHECK(Cut::Begin(false, 0, nullptr, &table.rows, &table.changes, &cut).ok());
    cut->Settle(&table.readers);
    for (const auto& [key, row] : ReadAll(*cut, table.rows, 37)) replica[key] = row.seen;
    CHECK(table.changes.Ack(0, cut->epoch()).ok());
  };
  for (uint32_t i = 0; i < 60; ++i) {
    delta();
    Changes::Loading loading(&table.changes, &table.readers);
    loading.Seen(1000 * i);
    table.rows.seen(table.places.at(kRows)) = 1000 * i;
    loading.Loaded(table.places.at(kRows), kRows);
  }
  running = false;
  for (std::thread& looker : lookers) looker.join();
  delta();
  for (int64_t key = 0; key < kRows; ++key) CHECK(replica.at(key) == table.rows.seen(table.places.at(key)));
  CHECK(Delta(table, true).empty());
}

// Two threads stamp a half of the rows each, over and over, with times that only grow; each says which call it begins and
// which has ended. So a cut must have each row as one of the calls left it that were not yet over when it began.
TEST(AFullCutHasTheTimesOfTheMomentWhenItBegan) {
  constexpr int64_t kRows = 3000;
  BareTable table(2, 0);
  for (int64_t key = 0; key < kRows; ++key) table.Birth(key, 0);
  struct Stamper {
    std::atomic<uint32_t> begun{0}, ended{0};
  };
  Stamper stampers[2];
  std::atomic<uint32_t> clock{0};
  std::atomic<bool> running{true};
  std::vector<std::thread> threads;
  for (int number : {0, 1}) {
    threads.emplace_back([&, number] {
      while (running) {
        const uint32_t time = ++clock;
        stampers[number].begun = time;
        const Readers::Call call(table.readers);
        const Stamps::Stamp stamp = table.changes.BeginStamps(time);
        for (int64_t key = number; key < kRows; key += 2) table.changes.Stamp(table.places.at(key), stamp);
        stampers[number].ended = time;
      }
    });
  }
  std::vector<int64_t> last(kRows, 0);
  int wrong = 0;
  for (int turn = 0; turn < 60; ++turn) {
    const bool full = turn % 3 != 2;
    uint32_t least[2], most[2];
    for (int number : {0, 1}) least[number] = stampers[number].ended;
    const auto cut = table.Begin(full);
    for (int number : {0, 1}) most[number] = stampers[number].begun;
    const BareRows rows = ReadAll(*cut, table.rows, 64);
    if (full && rows.size() != kRows) ++wrong;
    for (const auto& [key, row] : rows) {
      const int number = static_cast<int>(key % 2);
      if (row.seen < least[number] || row.seen > most[number] || row.seen < last[key]) ++wrong;
      last[key] = row.seen;
    }
    // What the cut does not tell of has not been stamped since the one before.
    for (int64_t key = 0; key < kRows; ++key) wrong += last[key] < least[key % 2];
    if (!table.changes.Ack(0, cut->epoch()).ok()) ++wrong;
  }
  running = false;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace tandem
