#include "core/sweep.h"

#include <vector>

#include "core/tests/bare_table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using testing::BareTable;

TEST(ARowLeavesWhenItWasNotSeenForLongOrIsExactlyZero) {
  struct Case {
    const char* name;
    SweepRule rule;
    uint32_t seen;
    uint32_t steps;
    float first, last;
    bool found;
    Leaves leaves;
  };
  const SweepRule none, unseen{50, false}, zero{0, true}, both{50, true};
  const Case cases[] = {
      {"no rule", none, 10, 1, 0, 0, false, Leaves::kNot},
      {"seen long ago", unseen, 49, 1, 1, 1, true, Leaves::kUnseen},
      {"seen at the border", unseen, 50, 1, 1, 1, false, Leaves::kNot},
      {"never told a time", unseen, 0, 1, 1, 1, false, Leaves::kNot},
      {"zero, under the rule of time only", unseen, 50, 1, 0, 0, false, Leaves::kNot},
      {"zero", zero, 10, 1, 0, 0, true, Leaves::kZero},
      {"minus zero", zero, 10, 1, -0.0f, 0, true, Leaves::kZero},
      {"zero, but it has taken no step", zero, 10, 0, 0, 0, true, Leaves::kNot},
      {"the last value is not zero", zero, 10, 1, 0, 1e-45f, false, Leaves::kNot},
      {"the first value is not zero", zero, 10, 1, 1e-45f, 0, false, Leaves::kNot},
      {"both rules, unseen counts first", both, 10, 1, 0, 0, true, Leaves::kUnseen},
      {"both rules, zero", both, 60, 1, 0, 0, true, Leaves::kZero},
  };
  for (const Case& c : cases) {
    for (const int dim : {1, 7, 16, 35}) {
      if (dim == 1 && c.first != c.last) continue;
      BareTable table(dim, 0);
      const uint32_t row = RowOf(table.Birth(1, 0));
      table.rows.seen(row).store(c.seen);
      table.rows.steps(row) = c.steps;
      table.rows.Values(row)[0] = c.first;
      table.rows.Values(row)[dim - 1] = c.last;
      std::vector<uint32_t> found;
      LookForLeaving(table.rows, c.rule, 0, table.rows.limit(), &found);
      CHECK((found == std::vector<uint32_t>{row}) == c.found);
      CHECK(MayLeave(table.rows, c.rule, row) == c.leaves);
    }
  }
}

TEST(APlaceWithoutARowDoesNotLeave) {
  BareTable table(2, 0);
  for (int64_t key : {1, 2, 3}) table.Birth(key, 0);
  const uint32_t row = table.places.at(2);
  table.Remove(2);
  const SweepRule rule{100, true};
  std::vector<uint32_t> found;
  LookForLeaving(table.rows, rule, 0, table.rows.limit(), &found);
  CHECK((found == std::vector<uint32_t>{table.places.at(1), table.places.at(3)}));
  CHECK(MayLeave(table.rows, rule, row) == Leaves::kNot);
}

}  // namespace
}  // namespace tandem
