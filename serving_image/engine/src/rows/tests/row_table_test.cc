#include "rows/row_table.h"

#include <vector>

#include "core/tests/check.h"
#include "rows/row_edit.h"

namespace tandem::serving {
namespace {

constexpr View kFirst{1, kLastEpoch}, kSecond{2, kLastEpoch};

// A table of one float per row, and what tests do with it.
struct Small {
  Readers readers;
  RowTable table{1, 1000, &readers};

  void Load(int line, uint32_t epoch, std::vector<int64_t> keys, std::vector<float> values) {
    CHECK(table.Load(line, epoch, keys.data(), values.data(), keys.size()).ok());
  }
  void Put(int line, uint32_t epoch, std::vector<int64_t> keys, std::vector<float> values) {
    RowEdit edit(&table, line, epoch);
    CHECK(edit.Put(keys.data(), values.data(), keys.size()).ok());
    edit.Commit();
  }
  void Remove(int line, uint32_t epoch, std::vector<int64_t> keys) {
    RowEdit edit(&table, line, epoch);
    CHECK(edit.Remove(keys.data(), keys.size()).ok());
    edit.Commit();
  }
  // The row of a key, 0 if there is none.
  float At(View view, int64_t key) {
    float value = -1;
    table.Gather(view, &key, 1, &value, 1);
    const float* row = table.Find(view, key);
    CHECK(row == nullptr ? value == 0 : value == *row);
    return value;
  }
  void Settle(const Floors& floors) {
    while (table.Reclaim(floors, 3)) continue;
    CHECK(table.settled());
  }
};

TEST(AnAbsentRowReadsAsZeros) {
  Small small;
  small.Load(0, 1, {5}, {2.5});
  const std::vector<int64_t> ids = {4, 5, -1, 5};
  std::vector<float> out(8, -1);
  small.table.Gather(kFirst, ids.data(), 4, out.data(), 2);
  CHECK((out == std::vector<float>{0, -1, 2.5, -1, 0, -1, 2.5, -1}));
}

TEST(GatherAndLocateAgreeForAnyNumberOfIdsAndAnyDim) {
  for (const size_t dim : {1, 3, 4, 8, 16, 20, 32, 64, 200}) {
    Readers readers;
    RowTable table(dim, 1000, &readers);
    std::vector<int64_t> keys;
    std::vector<float> values;
    for (int64_t key = 0; key < 300; key += 2) {
      keys.push_back(key);
      for (size_t i = 0; i < dim; ++i) values.push_back(static_cast<float>(key * 1000) + static_cast<float>(i));
    }
    CHECK(table.Load(0, 1, keys.data(), values.data(), keys.size()).ok());
    for (const size_t n : {0, 1, 31, 32, 33, 64, 100, 300}) {
      std::vector<int64_t> ids;
      for (size_t i = 0; i < n; ++i) ids.push_back(static_cast<int64_t>((i * 37) % 300));
      std::vector<float> out(n * dim + 1, -7);
      std::vector<const float*> rows(n);
      table.Gather(kFirst, ids.data(), n, out.data(), dim);
      table.Locate(kFirst, ids.data(), n, rows.data());
      CHECK(out[n * dim] == -7);
      for (size_t i = 0; i < n * dim; ++i) {
        const int64_t id = ids[i / dim];
        const float expected = id % 2 == 0 ? static_cast<float>(id * 1000) + static_cast<float>(i % dim) : 0;
        CHECK(out[i] == expected && rows[i / dim][i % dim] == expected);
      }
    }
  }
}

TEST(AnUpdateIsSeenFromItsEpochOn) {
  Small small;
  small.Load(0, 1, {1, 2}, {10, 20});
  small.Put(0, 2, {2, 3}, {21, 31});
  small.Remove(0, 3, {1, 9});
  CHECK(small.At({1, 1}, 1) == 10 && small.At({1, 1}, 2) == 20 && small.At({1, 1}, 3) == 0);
  CHECK(small.At({1, 2}, 1) == 10 && small.At({1, 2}, 2) == 21 && small.At({1, 2}, 3) == 31);
  CHECK(small.At({1, 3}, 1) == 0 && small.At({1, 3}, 2) == 21);
  CHECK(small.table.rows(0) == 2 && small.At(kSecond, 2) == 0);
}

TEST(ARemovedRowMayComeBack) {
  Small small;
  small.Load(0, 1, {1}, {10});
  small.Remove(0, 2, {1});
  small.Put(0, 3, {1}, {10});
  CHECK(small.At({1, 1}, 1) == 10 && small.At({1, 2}, 1) == 0 && small.At({1, 3}, 1) == 10);
  small.Settle({{3}, 0});
  CHECK(small.At({1, 3}, 1) == 10 && small.table.slots() == 1);
}

TEST(EqualRowsOfTwoLinesAreOne) {
  Small small;
  small.Load(0, 1, {1, 2, 3}, {10, 20, 0.0F});
  small.Put(0, 2, {1}, {11});
  small.Load(1, 3, {1, 2, 3, 4}, {10, 21, -0.0F, 40});
  CHECK(small.table.slots() == 7);  // 3 and the update; then 2, 3 (other bits) and 4
  CHECK(small.At(kFirst, 1) == 11 && small.At(kSecond, 1) == 10);
  CHECK(small.At(kFirst, 2) == 20 && small.At(kSecond, 2) == 21);
  CHECK(small.At(kFirst, 4) == 0 && small.At(kSecond, 4) == 40);
}

TEST(WhatIsNotChangedCostsNothing) {
  Small small;
  small.Load(0, 1, {1, 2}, {10, 20});
  RowEdit edit(&small.table, 0, 2);
  const std::vector<int64_t> keys = {1, 2};
  const std::vector<float> values = {10, 21};
  CHECK(edit.Put(keys.data(), values.data(), 2).ok() && edit.changes() == 1);
}

TEST(AKeyframeTakesOutWhatItDoesNotName) {
  Small small;
  small.Load(0, 1, {1, 2, 3}, {10, 20, 30});
  small.Load(1, 2, {3}, {30});
  {
    RowEdit edit(&small.table, 0, 3);
    const std::vector<int64_t> keys = {2, 4};
    const std::vector<float> values = {20, 40};
    CHECK(edit.Put(keys.data(), values.data(), 2).ok() && edit.RemoveAllBut(keys.data(), 2).ok());
    edit.Commit();
  }
  CHECK(small.At(kFirst, 1) == 0 && small.At(kFirst, 2) == 20 && small.At(kFirst, 3) == 0 && small.At(kFirst, 4) == 40);
  CHECK(small.At({1, 2}, 3) == 30 && small.At(kSecond, 3) == 30 && small.table.rows(0) == 2);
}

TEST(AnEditWithoutCommitChangesNothing) {
  Small small;
  small.Load(0, 1, {1, 2}, {10, 20});
  const size_t before = small.table.slots();
  {
    RowEdit edit(&small.table, 0, 2);
    const std::vector<int64_t> keys = {1, 5}, none = {2};
    const std::vector<float> values = {11, 50};
    CHECK(edit.Put(keys.data(), values.data(), 2).ok() && edit.Remove(none.data(), 1).ok());
    CHECK(small.At({1, 2}, 1) == 11 && small.At({1, 2}, 2) == 0 && small.At({1, 1}, 1) == 10);
  }
  small.Settle({{1}, 0});
  CHECK(small.At(kFirst, 1) == 10 && small.At(kFirst, 2) == 20 && small.At(kFirst, 5) == 0);
  CHECK(small.table.slots() == before && small.table.rows(0) == 2 && small.table.keys() == 2);
}

TEST(AFullTableRefusesAnEditAndIsAsBefore) {
  Readers readers;
  RowTable table(1, 3, &readers);
  const std::vector<int64_t> keys = {1, 2, 3};
  const std::vector<float> first = {10, 20}, second = {11, 21, 31};
  CHECK(table.Load(0, 1, keys.data(), first.data(), 2).ok());
  {
    RowEdit edit(&table, 0, 2);
    CHECK(!edit.Put(keys.data(), second.data(), 3).ok());
  }
  (void)table.Reclaim({{1}, 0}, 10);
  CHECK(*table.Find(kFirst, 1) == 10 && *table.Find(kFirst, 2) == 20 && table.slots() == 2);
  CHECK(!table.Load(1, 3, keys.data(), second.data(), 3).ok());
}

TEST(SupersededRowsGoWhenNoVersionSeesThem) {
  Small small;
  small.Load(0, 1, {1, 2}, {10, 20});
  for (uint32_t epoch = 2; epoch <= 50; ++epoch) small.Put(0, epoch, {1}, {static_cast<float>(epoch)});
  CHECK(small.table.slots() == 51);
  small.Settle({{47}, 0});
  CHECK(small.table.slots() == 5 && small.At({1, 47}, 1) == 47 && small.At({1, 50}, 1) == 50);
  small.Remove(0, 51, {1, 2});
  small.Settle({{51}, 0});
  CHECK(small.table.slots() == 0 && small.table.keys() == 0 && small.table.rows(0) == 0);
}

TEST(ALineThatIsGoneLeavesNothing) {
  Small small;
  small.Load(0, 1, {1, 2, 3}, {10, 20, 30});
  small.Load(1, 2, {2, 3, 4}, {20, 31, 40});
  small.Put(0, 3, {2, 3}, {21, 32});
  for (int stripe = 0; stripe < RowIndex::kStripes; ++stripe) small.table.Sweep({{3, 0}, BitOf(0)}, stripe);
  small.Settle({});
  CHECK(small.table.slots() == 3 && small.table.keys() == 3 && small.table.rows(0) == 0);
  CHECK(small.At(kFirst, 2) == 0 && small.At(kSecond, 2) == 20 && small.At(kSecond, 3) == 31);
}

}  // namespace
}  // namespace tandem::serving
