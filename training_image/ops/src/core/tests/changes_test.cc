#include "core/changes.h"

#include <string>
#include <vector>

#include "core/tests/bare_table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using testing::BareTable;
using testing::KeysOf;
using testing::ReadAll;
using Keys = std::vector<int64_t>;

bool Mentions(const std::string& why, const std::string& words) { return why.find(words) != std::string::npos; }

// Begins a cut, reads it, and says of which epoch it was.
int64_t Read(BareTable& table, bool full, int consumer, const Keys& rows, const Keys& removed) {
  const auto cut = table.Begin(full, consumer);
  CHECK(KeysOf(ReadAll(*cut, table.rows)) == rows);
  CHECK(cut->removed() == removed);
  return cut->epoch();
}

TEST(ConsumersAcknowledgeForThemselves) {
  BareTable table(2, 0);
  for (int64_t key : {1, 2, 3}) table.Birth(key, 0);
  const int64_t first = Read(table, true, 1, {1, 2, 3}, {});
  CHECK(table.changes.Ack(1, first).ok());
  table.Stamp(2, 9);
  table.Remove(3);
  CHECK(table.changes.Ack(1, Read(table, false, 1, {2}, {3})).ok());
  CHECK(table.changes.tombstones() == 1);  // consumer 0 has not heard of it
  const int64_t all = Read(table, false, 0, {1, 2}, {3});
  Read(table, false, 1, {}, {});
  CHECK(table.changes.Ack(0, all).ok());
  CHECK(table.changes.tombstones() == 0);
  Read(table, false, 0, {}, {});
}

TEST(AcksOfAnyOrderAreRight) {
  BareTable table(2, 0);
  table.Birth(1, 0);
  const int64_t first = Read(table, false, 0, {1}, {});
  table.Birth(2, 0);
  const int64_t second = Read(table, false, 0, {1, 2}, {});
  table.Stamp(1, 5);
  CHECK(table.changes.Ack(0, second).ok());
  CHECK(table.changes.Ack(0, first).ok());  // late and harmless
  Read(table, false, 0, {1}, {});
}

TEST(OnlyWhatAConsumerHasReadCanBeAcknowledged) {
  BareTable table(2, 0);
  for (int64_t key = 0; key < 10; ++key) table.Birth(key, 0);
  const int64_t anonymous = Read(table, true, kNobody, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {});
  std::shared_ptr<Cut> cut = table.Begin(false);
  const int64_t left = cut->epoch();
  Rows some;
  CHECK(cut->Next(3, &some));
  CHECK(Mentions(table.changes.Ack(0, left).why(), "not read to its end"));
  cut.reset();
  struct Case {
    int consumer;
    int64_t epoch;
    const char* says;
  };
  const Case cases[] = {
      {0, 0, "was not begun"},
      {0, -1, "was not begun"},
      {0, left, "not read to its end"},
      {0, left + 1, "not begun"},
      {0, int64_t{1} << 40, "not begun"},
      {0, anonymous, "not begun by consumer 0"},
      {-1, left, "numbered 0 to"},
      {kMaxConsumers, left, "consumer 16"},
  };
  for (const Case& c : cases) CHECK(Mentions(table.changes.Ack(c.consumer, c.epoch).why(), c.says));
  CHECK(table.changes.Ack(0, Read(table, false, 0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {})).ok());
}

TEST(OneCutAtATime) {
  BareTable table(2, 0);
  table.Birth(1, 0);
  std::shared_ptr<Cut> cut = table.Begin(true, kNobody);
  CHECK(Mentions(table.WhyNot(true, kNobody), "is being read"));
  CHECK(Mentions(table.WhyNot(false, 0), "drop it first"));
  cut.reset();
  Read(table, false, 0, {1}, {});
  CHECK(Mentions(table.WhyNot(false, kNobody), "needs a consumer"));
  CHECK(Mentions(table.WhyNot(true, 77), "consumer 77"));
}

TEST(ALateConsumerBeginsWithAFullCutIfTombstonesAreGone) {
  BareTable table(2, 0);
  for (int64_t key : {1, 2}) table.Birth(key, 0);
  Read(table, false, 1, {1, 2}, {});  // nothing is missing yet, so a delta will do
  CHECK(table.changes.Leave(1).ok());
  table.Remove(1);
  CHECK(table.changes.Ack(0, Read(table, false, 0, {2}, {1})).ok());
  CHECK(Mentions(table.WhyNot(false, 1), "full"));
  const int64_t whole = Read(table, true, 1, {2}, {});
  table.Remove(2);
  CHECK(table.changes.Ack(0, Read(table, false, 0, {}, {2})).ok());
  CHECK(table.changes.tombstones() == 1);  // from its full cut on, tombstones wait for consumer 1
  CHECK(table.changes.Ack(1, whole).ok());
  CHECK(table.changes.Ack(1, Read(table, false, 1, {}, {2})).ok());
  CHECK(table.changes.tombstones() == 0);
}

TEST(WithoutConsumersThereAreNoTombstones) {
  BareTable table(2, 0);
  for (int64_t key : {1, 2}) table.Birth(key, 0);
  table.Remove(1);
  CHECK(table.changes.tombstones() == 1);
  CHECK(table.changes.Leave(0).ok());
  CHECK(table.changes.tombstones() == 0);
  table.Remove(2);
  CHECK(table.changes.tombstones() == 0);
  CHECK(Mentions(table.WhyNot(false, 0), "full"));
}

TEST(ARebornKeyIsARowAndNoTombstone) {
  BareTable table(2, 0);
  table.Birth(1, 0);
  CHECK(table.changes.Ack(0, Read(table, false, 0, {1}, {})).ok());
  table.Remove(1);
  table.Birth(1, 3);
  Read(table, false, 0, {1}, {});
}

TEST(WhatWasLoadedCountsAsAcknowledged) {
  BareTable table(2, 0);
  for (int64_t key : {1, 2, 3}) table.Birth(key, 0);
  Changes::Loading(&table.changes, &table.readers).Loaded(table.places.at(1), 1);
  table.Remove(3);
  table.changes.Forget(3);
  Read(table, false, 0, {2}, {});
  Read(table, true, kNobody, {1, 2}, {});
  table.Stamp(1, 4);
  Read(table, false, 0, {1, 2}, {});
}

}  // namespace
}  // namespace tandem
