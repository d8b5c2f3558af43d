// Everything at once: what must hold of a cut however the threads happen to run.
#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "core/table.h"
#include "core/tests/bare_table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using testing::BareRows;
using testing::Gather;

constexpr int kDim = 3;
constexpr int64_t kLasting = 300;

TableOptions Options() {
  TableOptions options;
  options.dim = kDim;
  options.optimizer.kind = OptimizerKind::kAdagrad;
  options.optimizer.epsilon = 1e-7;
  return options;
}

Rows Sorted(const BareRows& rows) {
  Rows out;
  for (const auto& [key, row] : rows) {
    out.keys.push_back(key);
    out.values.insert(out.values.end(), row.values.begin(), row.values.end());
    out.slots.insert(out.slots.end(), row.slots.begin(), row.slots.end());
    out.steps.push_back(row.steps);
    out.seen.push_back(row.seen);
  }
  return out;
}

RowsView View(const Rows& r) {
  return {r.keys.size(), r.keys.data(), r.values.data(), r.slots.data(), r.steps.data(), r.seen.data()};
}

struct Stress {
  Table table{Options()}, replica{Options()};
  std::vector<int64_t> ids, handles;
  std::atomic<bool> running{true};
  std::atomic<int64_t> wrong{0}, swept{0};

  Stress() : ids(kLasting), handles(kLasting) {
    for (int64_t i = 0; i < kLasting; ++i) ids[i] = i;
    Look(ids, 1000, &handles);
  }

  void Look(const std::vector<int64_t>& keys, uint32_t event_time, std::vector<int64_t>* found) {
    std::vector<float> values(keys.size() * kDim);
    wrong += table.Lookup(keys.data(), keys.size(), event_time, values.data(), found->data()).ok() ? 0 : 1;
  }

  // Each step takes every lasting row one step on; with gradients of 1, Adagrad's slot counts them.
  void Train() {
    const std::vector<float> grads(kLasting * kDim, 1.0f);
    for (; running; std::this_thread::yield()) {
      wrong += table.Apply(handles.data(), handles.size(), grads.data(), 0.1f).ok() ? 0 : 1;
    }
  }

  // Lookups that stamp, so that images are saved by readers too.
  void LookAgain() {
    std::vector<int64_t> found(kLasting);
    for (uint32_t clock = 1001; running; ++clock) {
      Look(ids, clock, &found);
      wrong += found == handles ? 0 : 1;
    }
  }

  // Rows of long ago are born, and sometimes born again soon after the sweep took them.
  void Churn() {
    for (int64_t round = 0; running; ++round) {
      std::vector<int64_t> keys(16), found(16);
      for (int64_t i = 0; i < 16; ++i) keys[i] = 1000 + (round * 7 + i * i) % 400;
      Look(keys, 1 + static_cast<uint32_t>(round % 400), &found);
      if (round % 5 == 0) table.Remove(keys.data(), 3);
    }
  }

  void Sweep() {
    for (; running; std::this_thread::yield()) {
      const SweepResult result = table.Sweep({500, true}, 64);
      swept += static_cast<int64_t>(result.unseen);
      wrong += static_cast<int64_t>(result.zero);
    }
  }

  // One moment: all lasting rows have taken the same number of steps, row and slot alike.
  void CheckMoment(const BareRows& rows, bool full) {
    int64_t first = -1, count = 0;
    for (const auto& [key, row] : rows) {
      if (key >= kLasting) continue;
      ++count;
      if (first < 0) first = row.steps;
      wrong += row.steps == first && row.slots == std::vector<float>(kDim, static_cast<float>(first)) ? 0 : 1;
    }
    if (full) wrong += count == kLasting ? 0 : 1;
  }

  void Read(bool full) {
    std::shared_ptr<Cut> cut;
    if (!table.BeginCut(full, full ? kNobody : 0, &cut).ok()) {
      ++wrong;
      return;
    }
    BareRows rows;
    for (Rows block; cut->Next(41, &block);) Gather(block, kDim, kDim, &rows);
    CheckMoment(rows, full);
    if (full) return;
    const std::vector<int64_t>& removed = cut->removed();
    for (const int64_t key : removed) wrong += static_cast<int64_t>(rows.count(key));
    wrong += replica.LoadRows(View(Sorted(rows)), removed.data(), removed.size(), false).ok() ? 0 : 1;
    wrong += table.Ack(cut->epoch()).ok() ? 0 : 1;
  }
};

BareRows All(Table& table) {
  SortedRows sorted;
  CHECK(table.Snapshot(&sorted).ok());
  const Rows rows = sorted.Copy();
  BareRows out;
  Gather(rows, kDim, kDim, &out);
  return out;
}

TEST(CutsAreExactAndDeltasAddUpWhateverElseRuns) {
  Stress stress;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { stress.Train(); });
  threads.emplace_back([&] { stress.LookAgain(); });
  threads.emplace_back([&] { stress.LookAgain(); });
  threads.emplace_back([&] { stress.Churn(); });
  threads.emplace_back([&] { stress.Sweep(); });
  for (int i = 0; i < 24 || (stress.swept == 0 && i < 2000); ++i) stress.Read(i % 3 == 0);
  stress.running = false;
  for (std::thread& thread : threads) thread.join();
  stress.Read(false);
  CHECK(stress.wrong == 0 && stress.swept > 0);
  CHECK(All(stress.table) == All(stress.replica));
}

}  // namespace
}  // namespace tandem
