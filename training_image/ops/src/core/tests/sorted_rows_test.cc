#include "core/sorted_rows.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

TableOptions Wide() {
  TableOptions options;
  options.dim = 64;
  options.initializer = {InitializerKind::kUniform, 0.5f};
  options.optimizer.kind = OptimizerKind::kAdam;
  options.optimizer.beta1 = 0.9;
  options.optimizer.beta2 = 0.999;
  options.optimizer.epsilon = 1e-8;
  return options;
}

// Keys all over, so that the order of rows is not that of keys.
std::vector<int64_t> Scattered(size_t size) {
  std::vector<int64_t> keys = {std::numeric_limits<int64_t>::max(), -1, 0, std::numeric_limits<int64_t>::min(), 1};
  for (uint64_t i = 0; keys.size() < size; ++i) {
    keys.push_back(static_cast<int64_t>((i + 2) * 0x9E3779B97F4A7C15ull));
  }
  return keys;
}

TEST(RowsOfManyPiecesAreSortedByKeyAndWhole) {
  Table table(Wide());
  const std::vector<int64_t> keys = Scattered(9000);  // of 792 bytes: seven pieces
  std::vector<int64_t> handles(keys.size());
  std::vector<float> values(keys.size() * 64);
  CHECK(table.Lookup(keys.data(), keys.size(), 7, values.data(), handles.data()).ok());
  // Steps of another size for each row, of every third one.
  std::vector<int64_t> some;
  std::vector<float> grads;
  for (size_t i = 0; i < keys.size(); i += 3) {
    some.push_back(handles[i]);
    grads.insert(grads.end(), 64, static_cast<float>(i));
  }
  CHECK(table.Apply(some.data(), some.size(), grads.data(), 0.1f).ok());

  SortedRows sorted;
  CHECK(table.Snapshot(&sorted).ok());
  CHECK(sorted.size() == keys.size());
  const Rows rows = sorted.Copy();
  std::vector<int64_t> expected = keys;
  std::sort(expected.begin(), expected.end());
  CHECK(rows.keys == expected);
  table.Peek(expected.data(), expected.size(), values.data());
  CHECK(rows.values == values);
  CHECK(rows.seen == std::vector<int64_t>(keys.size(), 7));
  for (size_t i = 0; i < keys.size(); ++i) {
    const size_t at = std::lower_bound(expected.begin(), expected.end(), keys[i]) - expected.begin();
    CHECK(rows.steps[at] == (i % 3 == 0 ? 1 : 0));
    // The first moment is a tenth of the gradient, the second a thousandth of its square.
    const float g = i % 3 == 0 ? static_cast<float>(i) : 0;
    CHECK(std::abs(rows.slots[at * 128] - 0.1f * g) <= 1e-5f * g);
    CHECK(std::abs(rows.slots[at * 128 + 127] - 0.001f * g * g) <= 1e-5f * g * g);
  }
}

TEST(NothingIsSortedOfAnEmptyTable) {
  Table table(Wide());
  SortedRows sorted;
  CHECK(table.Snapshot(&sorted).ok());
  CHECK(sorted.size() == 0 && sorted.Copy().keys.empty());
}

}  // namespace
}  // namespace tandem
