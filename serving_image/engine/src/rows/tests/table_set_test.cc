#include "rows/table_set.h"

#include <vector>

#include "core/tests/check.h"
#include "rows/row_edit.h"

namespace tandem::serving {
namespace {

using LineId = TableSet::LineId;
using EpochHold = TableSet::EpochHold;

TEST(LinesOfOneModelShareATable) {
  TableSet set(1000);
  const auto first = set.Obtain("user", 4), second = set.Obtain("user", 4);
  CHECK(first == second && set.Obtain("user", 8) != first && set.Obtain("item", 4) != first);
  CHECK(set.Obtain("user", 8)->dim() == 8);
}

TEST(ThereAreFourLinesAndTheyAreUsedAgainOnceSwept) {
  TableSet set(1000);
  std::vector<std::unique_ptr<LineId>> lines;
  for (int i = 0; i < kLines; ++i) lines.push_back(set.OpenLine());
  CHECK(lines.back() != nullptr && set.OpenLine() == nullptr);
  lines[2].reset();
  CHECK(set.OpenLine() == nullptr);  // what it left is still there
  CHECK(set.Reclaim());
  const auto again = set.OpenLine();
  CHECK(again != nullptr && again->line() == 2);
}

TEST(TheNextUserOfALineSeesNothingOfTheLast) {
  TableSet set(1000);
  const auto table = set.Obtain("user", 1);
  const int64_t key = 7;
  const float value = 3;
  {
    const auto line = set.OpenLine();
    CHECK(table->Load(line->line(), set.NextEpoch(), &key, &value, 1).ok());
  }
  CHECK(set.Reclaim());
  const auto line = set.OpenLine();
  CHECK(table->Find({BitOf(line->line()), kLastEpoch}, key) == nullptr && table->slots() == 0);
}

TEST(WhatAHoldSeesStays) {
  TableSet set(1000);
  const auto table = set.Obtain("user", 1);
  const auto line = set.OpenLine();
  const int64_t key = 7;
  float value = 0;
  std::vector<std::unique_ptr<EpochHold>> holds;
  for (int i = 0; i < 6; ++i, ++value) {
    const uint32_t epoch = set.NextEpoch();
    RowEdit edit(table.get(), line->line(), epoch);
    CHECK(edit.Put(&key, &value, 1).ok());
    edit.Commit();
    holds.push_back(std::make_unique<EpochHold>(&set, line->line(), epoch));
  }
  CHECK(set.Reclaim() && table->slots() == 6);
  holds.erase(holds.begin(), holds.begin() + 2);
  CHECK(set.Reclaim() && table->slots() == 4 && *table->Find(holds[0]->view(), key) == 2);
  holds.erase(holds.begin() + 1);  // in the middle: the earliest still counts
  CHECK(set.Reclaim() && table->slots() == 4 && *table->Find(holds[0]->view(), key) == 2);
}

TEST(ReclaimSaysWhetherItIsDone) {
  TableSet set(1000);
  const auto table = set.Obtain("user", 1);
  const auto line = set.OpenLine();
  const int64_t key = 7;
  const float values[] = {1, 2};
  CHECK(table->Load(line->line(), set.NextEpoch(), &key, &values[0], 1).ok());
  const EpochHold hold(&set, line->line(), set.NextEpoch());
  {
    RowEdit edit(table.get(), line->line(), hold.view().epoch);
    CHECK(edit.Put(&key, &values[1], 1).ok());
    edit.Commit();
  }
  {
    const Readers::Call call(set.readers());
    CHECK(!set.Reclaim() && table->slots() == 2);
  }
  CHECK(set.Reclaim() && table->slots() == 1);
}

TEST(BytesAreThoseOfAllTables) {
  TableSet set(1000);
  const auto line = set.OpenLine();
  const int64_t key = 7;
  const std::vector<float> values(16);
  const auto user = set.Obtain("user", 16), item = set.Obtain("item", 8);
  for (const auto& table : {user, item}) {
    CHECK(table->Load(line->line(), set.NextEpoch(), &key, values.data(), 1).ok());
  }
  const size_t rows = (16 + 8) * sizeof(float) + 2 * sizeof(NodeWord);
  const size_t arrays = 2 * 16 * 16;  // one stripe of sixteen entries in each
  CHECK(set.bytes().used == rows + arrays && set.bytes().reserved >= set.bytes().used);
}

}  // namespace
}  // namespace tandem::serving
