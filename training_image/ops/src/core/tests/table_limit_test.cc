// Who gets a row: max_bytes with both policies, and the filter in front of the table.
#include <algorithm>
#include <vector>

#include "core/table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using Ids = std::vector<int64_t>;

constexpr int kDim = 2;
constexpr int64_t kBytes = 200000;

TableOptions Options(LimitPolicy policy) {
  TableOptions options;  // zeros and SGD
  options.dim = kDim;
  options.max_bytes = kBytes;
  options.at_limit = policy;
  options.default_value = -3;
  return options;
}

struct Found {
  std::vector<float> values;
  Ids handles;
};

Found Lookup(Table& table, const Ids& ids, uint32_t event_time) {
  Found found{std::vector<float>(ids.size() * kDim), Ids(ids.size())};
  CHECK(table.Lookup(ids.data(), ids.size(), event_time, found.values.data(), found.handles.data()).ok());
  return found;
}

Ids Range(int64_t first, int64_t last) {
  Ids ids;
  for (int64_t id = first; id < last; ++id) ids.push_back(id);
  return ids;
}

bool Has(Table& table, int64_t id) {
  const Ids keys = table.Keys();
  return std::binary_search(keys.begin(), keys.end(), id);
}

TEST(AFullTableRefusesNewIdsByPositionAndCountsThem) {
  Table table(Options(LimitPolicy::kRefuse));
  const Found found = Lookup(table, Range(0, 10000), 1);
  const size_t rows = table.Size();
  CHECK(rows > 2000 && rows < 10000);
  CHECK(table.Stats().refused_at_limit == 10000 - rows);
  CHECK(table.Stats().bytes_used <= static_cast<size_t>(kBytes) && table.Stats().bytes_used > kBytes * 3 / 4);
  CHECK(table.Keys() == Range(0, static_cast<int64_t>(rows)));  // the first positions
  CHECK(found.handles[rows - 1] != kNoHandle && found.handles[rows] == kNoHandle);
  CHECK(found.values[rows * kDim - 1] == 0 && found.values[rows * kDim] == -3);
  const Ids gone = Range(0, 10);
  CHECK(table.Remove(gone.data(), gone.size()) == 10);
  Lookup(table, Range(20000, 20020), 1);
  CHECK(table.Size() == rows && Has(table, 20009) && !Has(table, 20010));
}

TEST(AFullTableEvictsTheLeastRecentlySeenByTimeAndKey) {
  Table table(Options(LimitPolicy::kEvict));
  Lookup(table, Range(0, 1000), 7);
  Lookup(table, Range(1000, 1010), 5);
  Lookup(table, Range(0, 1), 9);
  int64_t next = 2000;
  while (table.Stats().evicted == 0) {
    Lookup(table, Range(next, next + 1), 8);
    ++next;
  }
  const auto evicted = static_cast<int64_t>(table.Stats().evicted);
  CHECK(evicted > 10 && evicted < 500);
  CHECK(!Has(table, 1000) && !Has(table, 1009));                     // seen first
  CHECK(Has(table, 0) && !Has(table, 1));                            // 0 was seen again
  CHECK(!Has(table, evicted - 10) && Has(table, evicted - 10 + 1));  // then by key
  CHECK(Has(table, next - 1) && table.Stats().refused_at_limit == 0);
  for (int64_t id = next; id < next + 30000; id += 100) {
    Lookup(table, Range(id, id + 100), 10);
    CHECK(table.Stats().bytes_used <= static_cast<size_t>(kBytes));
  }
  Delta delta;
  CHECK(table.BeginDelta(0, &delta).ok());
  CHECK(std::binary_search(delta.removed.begin(), delta.removed.end(), 1000));  // evictions leave tombstones
}

TEST(ABatchNeverEvictsItsOwnRows) {
  Table table(Options(LimitPolicy::kEvict));
  const Found found = Lookup(table, Range(0, 20000), 1);
  const size_t rows = table.Size();
  CHECK(table.Stats().evicted == 0 && table.Stats().refused_at_limit == 20000 - rows);
  const std::vector<float> grads(20000 * kDim, 1.0f);
  CHECK(table.Apply(found.handles.data(), found.handles.size(), grads.data(), 1.0f).ok());
  // Known ids in front of new ones stay, whatever they were seen at.
  Ids mixed = Range(0, 100);
  const Ids fresh = Range(50000, 50000 + static_cast<int64_t>(rows));
  mixed.insert(mixed.end(), fresh.begin(), fresh.end());
  const Found again = Lookup(table, mixed, 2);
  for (size_t i = 0; i < rows; ++i) CHECK(again.handles[i] != kNoHandle);
  const std::vector<float> more(mixed.size() * kDim, 1.0f);
  CHECK(table.Apply(again.handles.data(), again.handles.size(), more.data(), 1.0f).ok());
  CHECK(table.Size() == rows);
}

TEST(MoreRowsThanMaxBytesAreNotLoaded) {
  TableOptions wide = Options(LimitPolicy::kEvict);
  wide.max_bytes = 0;
  Table source(wide), table(Options(LimitPolicy::kEvict));
  Lookup(source, Range(0, 10000), 1);
  SortedRows sorted;
  CHECK(source.Snapshot(&sorted).ok());
  const Rows rows = sorted.Copy();
  const RowsView view{rows.keys.size(),  rows.keys.data(),  rows.values.data(),
                      rows.slots.data(), rows.steps.data(), rows.seen.data()};
  CHECK(table.Restore(view).why().find("max_bytes") != std::string::npos);
  CHECK(table.LoadRows(view, nullptr, 0, false).why().find("max_bytes") != std::string::npos);
  CHECK(table.Size() == 0);
}

TEST(AnIdIsAdmittedAtItsThirdOccurrenceAlsoWithinABatch) {
  TableOptions options = Options(LimitPolicy::kRefuse);
  options.max_bytes = 0;
  options.admission.rule = AdmissionRule::kCount;
  options.admission.threshold = 3;
  Table table(options);
  const Found found = Lookup(table, {4, 4, 4, 4, 9, 9}, 1);
  CHECK(found.handles[0] == kNoHandle && found.handles[1] == kNoHandle);
  CHECK(found.handles[2] != kNoHandle && found.handles[3] == found.handles[2]);
  CHECK(found.handles[4] == kNoHandle && found.handles[5] == kNoHandle);
  CHECK(found.values[0] == -3 && found.values[2 * kDim] == 0);
  CHECK(table.Stats().not_admitted == 4 && table.Size() == 1);
  const std::vector<uint64_t> state = table.AdmissionState();
  CHECK(Lookup(table, {9}, 1).handles[0] != kNoHandle);
  // The same counts in another table decide the same; a removed id begins anew.
  Table other(options);
  CHECK(other.LoadAdmissionState(state.data(), state.size()).ok());
  CHECK(Lookup(other, {9}, 1).handles[0] != kNoHandle);
  const Ids nine = {9};
  CHECK(other.Remove(nine.data(), 1) == 1);
  CHECK(Lookup(other, {9, 9, 9}, 1).handles[1] == kNoHandle);
}

}  // namespace
}  // namespace tandem
