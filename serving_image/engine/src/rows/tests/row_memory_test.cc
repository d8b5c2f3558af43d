#include "rows/row_memory.h"

#include <set>

#include "core/tests/check.h"

namespace tandem::serving {
namespace {

TEST(SlotZeroIsARowOfZerosAndNobodyElses) {
  Readers readers;
  RowMemory memory(3, 100, &readers);
  const float values[] = {1, 2, 3};
  const uint32_t slot = memory.Take(values, 77);
  CHECK(slot != 0 && memory.row(slot)[2] == 3 && memory.older(slot) == 77);
  for (int i = 0; i < 3; ++i) CHECK(memory.row(0)[i] == 0);
}

TEST(RowsOfSixteenFloatsFillCacheLines) {
  Readers readers;
  RowMemory memory(16, 100, &readers);
  const float values[16] = {};
  for (int i = 0; i < 10; ++i) {
    CHECK(reinterpret_cast<uintptr_t>(memory.row(memory.Take(values, kNoNode))) % 64 == 0);
  }
}

TEST(ASlotIsUsedAgainOnlyWhenReadersHaveLeft) {
  Readers readers;
  RowMemory memory(1, 100, &readers);
  const float value = 5;
  const uint32_t slot = memory.Take(&value, kNoNode);
  {
    const Readers::Call call(readers);
    memory.Retire(slot);
    memory.Collect();
    CHECK(!memory.settled() && memory.taken() == 1 && memory.Take(&value, kNoNode) != slot);
  }
  memory.Collect();
  CHECK(memory.settled() && memory.taken() == 1 && memory.Take(&value, kNoNode) == slot);
}

TEST(AFullMemoryRefusesAndGoesOnWhenThereIsRoom) {
  Readers readers;
  RowMemory memory(2, 3, &readers);
  const float values[] = {1, 2};
  std::set<uint32_t> slots;
  for (int i = 0; i < 3; ++i) slots.insert(memory.Take(values, kNoNode));
  CHECK(slots.size() == 3 && slots.count(0) == 0 && memory.Take(values, kNoNode) == 0);
  memory.Retire(*slots.begin());
  memory.Collect();
  CHECK(memory.TakeEmpty(kNoNode) == *slots.begin() && memory.TakeEmpty(kNoNode) == 0);
}

TEST(BytesAreCounted) {
  Readers readers;
  RowMemory memory(4, 1000, &readers);
  const float values[4] = {};
  CHECK(memory.bytes_used() == 0);
  for (int i = 0; i < 10; ++i) (void)memory.Take(values, kNoNode);
  CHECK(memory.bytes_used() == 10 * (4 * sizeof(float) + 8) && memory.bytes_reserved() >= memory.bytes_used());
}

}  // namespace
}  // namespace tandem::serving
