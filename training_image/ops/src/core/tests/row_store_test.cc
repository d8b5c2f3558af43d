#include "core/row_store.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/row_copy.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

std::vector<uint32_t> Take(RowStore& rows, size_t n) {
  std::vector<uint32_t> taken(n);
  CHECK(rows.Allocate(n, taken.data()));
  for (uint32_t row : taken) rows.changed(row).store(1);
  return taken;
}

TEST(RowsAreAlignedAndKeepWhatIsInThem) {
  Readers readers;
  RowStore rows(3, 0, &readers);  // an odd row is made even
  const std::vector<uint32_t> taken = Take(rows, 100000);
  const float values[] = {1, 2, 3};
  for (uint32_t row : taken) {
    CHECK(reinterpret_cast<uintptr_t>(rows.Values(row)) % 8 == 0);
    StoreRow(rows.Values(row), 3, values);
    rows.key(row) = row;
  }
  Take(rows, 300000);
  float read[3];
  for (uint32_t row : taken) {
    LoadRow(rows.Values(row), 3, read);
    CHECK(std::equal(read, read + 3, values) && rows.key(row) == row);
  }
}

TEST(APlaceIsUsedAgainOnlyWhenNobodyCanBeReadingIt) {
  Readers readers;
  RowStore rows(4, 1, &readers);
  const uint32_t row = Take(rows, 1)[0];
  const int64_t handle = rows.HandleOf(row);
  CHECK(rows.IsLive(handle));
  auto before = std::make_unique<Readers::Call>(readers);
  rows.Free(&row, 1);
  CHECK(!rows.IsLive(handle) && rows.IsFree(row) && rows.limbo() == 1);
  {
    const Readers::Call after(readers);
    CHECK(Take(rows, 1)[0] != row);
    before.reset();
    CHECK(Take(rows, 1)[0] == row);  // `after` began when the row was already out of reach
  }
  CHECK(rows.HandleOf(row) != handle && !rows.IsLive(handle) && rows.IsLive(rows.HandleOf(row)));
  CHECK(rows.limbo() == 0);
}

TEST(PlacesThatWereNotUsedComeBack) {
  Readers readers;
  RowStore rows(2, 2, &readers);
  uint32_t taken[8];
  CHECK(rows.Allocate(8, taken));
  rows.Return(taken, 5);
  CHECK(rows.free() == 5);
  CHECK(rows.Allocate(5, taken) && rows.limit() == 8);
}

TEST(TablesStartAtDifferentGenerations) {
  Readers readers;
  RowStore one(1, 0, &readers), two(1, 0, &readers);
  const uint32_t a = Take(one, 1)[0], b = Take(two, 1)[0];
  CHECK(a == b && one.HandleOf(a) != two.HandleOf(b));
  CHECK(!one.IsLive(two.HandleOf(b)) && !one.IsLive(kNoHandle));
}

TEST(MoreRowsThanTheMachineHoldsAreRefused) {
  Readers readers;
  RowStore rows(1 << 20, 1, &readers);
  const size_t many = PhysicalMemory() / (1 << 20);
  std::vector<uint32_t> taken(many);
  CHECK(!rows.Allocate(many, taken.data()) && rows.limit() == 0);
}

TEST(ASmallStoreIsSmall) {
  Readers readers;
  RowStore rows(16, 2, &readers);
  Take(rows, 100);
  CHECK(rows.bytes_reserved() <= size_t{512} << 10);
}

}  // namespace
}  // namespace tandem
