#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "core/table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

constexpr int kDim = 4;
constexpr int64_t kIds = 64;

// Rows begin at 0 and every gradient is -1 everywhere under SGD at rate 1, so a row's values all equal its steps in
// every consistent state: a torn row, a lost step or a cut through the middle of one shows at once.
bool Consistent(const Rows& rows) {
  for (size_t i = 0; i < rows.keys.size(); ++i) {
    for (int z = 0; z < kDim; ++z) {
      if (rows.values[i * kDim + z] != static_cast<float>(rows.steps[i])) return false;
    }
  }
  return true;
}

Rows Snapshot(Table& table) {
  Rows rows;
  CHECK(table.Snapshot(&rows).ok());
  return rows;
}

void Train(Table& table, int64_t first, int rounds, std::atomic<int64_t>& steps) {
  std::vector<int64_t> ids(kIds / 2), handles(ids.size());
  std::vector<float> values(ids.size() * kDim), grads(values.size(), -1.0f);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = first + static_cast<int64_t>(i);
  for (int round = 0; round < rounds; ++round) {
    if (!table.Lookup(ids.data(), ids.size(), round, values.data(), handles.data()).ok()) return;
    // Another thread may have removed one of the rows in between; then nothing was stepped.
    if (table.Apply(handles.data(), handles.size(), grads.data(), 1.0f).ok()) steps += kIds / 2;
  }
}

TEST(ManyThreadsSeeOneTable) {
  TableOptions options;  // zeros and SGD
  options.dim = kDim;
  Table table(options);
  Table replica(table.options());
  std::atomic<int64_t> steps{0}, torn{0}, lost{0};
  std::atomic<bool> running{true};
  std::vector<std::thread> trainers, others;
  // Two trainers share their ids' middle half; nobody removes those.
  for (int64_t first : {int64_t{0}, kIds / 4}) {
    trainers.emplace_back([&, first] { Train(table, first, 300, steps); });
  }
  trainers.emplace_back([&] {
    for (int64_t id = 1000; id < 1300; ++id) {
      std::vector<float> values(kDim);
      int64_t handle;
      if (!table.Lookup(&id, 1, 0, values.data(), &handle).ok()) ++lost;
      if (table.Remove(&id, 1) != 1) ++lost;
    }
  });
  others.emplace_back([&] {
    while (running) {
      Rows rows;
      if (!table.Snapshot(&rows).ok()) ++lost;
      if (!Consistent(rows)) ++torn;
    }
  });
  others.emplace_back([&] {
    while (running) {
      Delta delta;
      if (!table.BeginDelta(0, &delta).ok()) ++lost;
      const Rows& r = delta.rows;
      if (!Consistent(r)) ++torn;
      const RowsView view{r.keys.size(), r.keys.data(), r.values.data(), r.slots.data(), r.steps.data(), r.seen.data()};
      if (!replica.LoadRows(view, delta.removed.data(), delta.removed.size(), false).ok()) ++lost;
      if (!table.Ack(delta.epoch).ok()) ++lost;
    }
  });
  others.emplace_back([&] {
    std::vector<int64_t> ids(kIds);
    std::vector<float> values(kIds * kDim), before(kIds * kDim);
    for (int64_t i = 0; i < kIds; ++i) ids[i] = i;
    while (running) {
      table.Peek(ids.data(), ids.size(), values.data());
      // A row may mix two steps, but each of its values is that of some step, and none goes back.
      for (size_t z = 0; z < values.size(); ++z) {
        if (values[z] != std::floor(values[z]) || values[z] < before[z]) ++torn;
      }
      before = values;
    }
  });
  for (std::thread& thread : trainers) thread.join();
  running = false;
  for (std::thread& thread : others) thread.join();
  CHECK(torn == 0 && lost == 0);
  CHECK(steps == 2 * 300 * kIds / 2);
  Delta rest;
  CHECK(table.BeginDelta(0, &rest).ok());
  const Rows& r = rest.rows;
  CHECK(replica
            .LoadRows({r.keys.size(), r.keys.data(), r.values.data(), r.slots.data(), r.steps.data(), r.seen.data()},
                      rest.removed.data(), rest.removed.size(), false)
            .ok());
  const Rows whole = Snapshot(table), copied = Snapshot(replica);
  CHECK(whole.keys == copied.keys && whole.values == copied.values && whole.steps == copied.steps &&
        whole.seen == copied.seen);
  int64_t counted = 0;
  for (int64_t count : whole.steps) counted += count;
  CHECK(counted == steps);
}

}  // namespace
}  // namespace tandem
