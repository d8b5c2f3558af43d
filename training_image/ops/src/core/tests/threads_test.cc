#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "core/table.h"
#include "core/tests/check.h"
#include "core/tests/thread_pool.h"

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
  SortedRows rows;
  CHECK(table.Snapshot(&rows).ok());
  return rows.Copy();
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
      SortedRows rows;
      if (!table.Snapshot(&rows).ok()) ++lost;
      if (!Consistent(rows.Copy())) ++torn;
    }
  });
  others.emplace_back([&] {
    while (running) {
      Delta delta;
      if (!table.BeginDelta(0, &delta).ok()) ++lost;
      const Rows r = delta.rows.Copy();
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
  const Rows r = rest.rows.Copy();
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

// What a history of one row must look like whatever runs beside it: its steps are counted, its values are its steps, a
// reader sees them only grow, and a cut has the row exactly once.
class Stress {
 public:
  Stress() : table_(Options()) {}

  void Run() {
    std::vector<std::thread> trainers, others;
    for (int64_t trainer = 0; trainer < kTrainers; ++trainer) {
      trainers.emplace_back([this, trainer] { Train(trainer * kIds); });
    }
    others.emplace_back([this] { Until(&Stress::Churn); });
    others.emplace_back([this] { Until(&Stress::Churn); });
    others.emplace_back([this] { Until(&Stress::Clean); });
    others.emplace_back([this] { Until(&Stress::Cut); });
    others.emplace_back([this] { Until(&Stress::Read); });
    for (std::thread& thread : trainers) thread.join();
    running_ = false;
    for (std::thread& thread : others) thread.join();
    CHECK(wrong_ == 0);
    const Rows rows = Snapshot(table_);
    CHECK(Consistent(rows));
    for (size_t i = 0; i < rows.keys.size(); ++i) CHECK(rows.keys[i] >= kChurn || rows.steps[i] == kRounds);
    CHECK(rows.keys.size() == table_.Size() && table_.Keys() == rows.keys);
    CHECK(table_.Stats().evicted > 0);
    CHECK(table_.Stats().bytes_used <= static_cast<size_t>(kMaxBytes));
  }

 private:
  static constexpr int64_t kTrainers = 2, kRounds = 150, kChurn = 1000000, kMaxBytes = 100000;

  static TableOptions Options() {
    TableOptions options;  // zeros and SGD
    options.dim = kDim;
    options.max_bytes = kMaxBytes;
    options.at_limit = LimitPolicy::kEvict;
    return options;
  }

  // Each has its part also where the trainers are quick.
  void Until(void (Stress::*work)()) {
    for (int i = 0; i < 60 || running_; ++i) (this->*work)();
  }

  // Rows of its own, seen later than all others, so nobody evicts them: no step may be lost or refused.
  void Train(int64_t first) {
    const testing::ThreadPool pool(2);
    std::vector<int64_t> ids(kIds), handles(kIds);
    std::vector<float> values(kIds * kDim), grads(values.size(), -1.0f);
    for (int64_t i = 0; i < kIds; ++i) ids[i] = first + i;
    for (uint32_t round = 0; round < kRounds; ++round) {
      wrong_ += !table_.Lookup(ids.data(), ids.size(), 1000 + round, values.data(), handles.data(), pool).ok();
      for (float value : values) wrong_ += value != static_cast<float>(round);
      wrong_ += !table_.Apply(handles.data(), handles.size(), grads.data(), 1.0f, pool).ok();
    }
  }

  // Ids that are seen once: they fill the table and evict one another.
  void Churn() {
    std::vector<int64_t> ids(40), handles(ids.size());
    std::vector<float> values(ids.size() * kDim), grads(values.size(), -1.0f);
    for (int64_t& id : ids) id = kChurn + next_++;
    wrong_ += !table_.Lookup(ids.data(), ids.size(), 1 + ids[0] % 7, values.data(), handles.data()).ok();
    for (float value : values) wrong_ += value != 0;
    // May be refused: the other one may have evicted a row in between.
    if (!table_.Apply(handles.data(), handles.size(), grads.data(), 1.0f).ok()) ++refused_;
  }

  void Clean() {
    const int64_t from = kChurn + next_ / 2;
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < 20; ++i) ids.push_back(from + i);
    table_.Remove(ids.data(), ids.size());
    table_.Sweep({3, false}, 100);
  }

  void Cut() {
    std::shared_ptr<tandem::Cut> cut;
    if (!table_.BeginCut(true, kNobody, &cut).ok()) {
      ++wrong_;
      return;
    }
    Rows rows;
    std::vector<int64_t> keys;
    while (cut->Next(7, &rows)) {
      wrong_ += !Consistent(rows);
      keys.insert(keys.end(), rows.keys.begin(), rows.keys.end());
    }
    std::sort(keys.begin(), keys.end());
    wrong_ += std::adjacent_find(keys.begin(), keys.end()) != keys.end();
    // Who was in a cut stays: nobody removes the trainers' rows.
    const auto trained = std::lower_bound(keys.begin(), keys.end(), kChurn) - keys.begin();
    wrong_ += trained < trained_;
    trained_ = trained;
  }

  void Read() {
    std::vector<int64_t> ids(kTrainers * kIds);
    std::vector<float> values(ids.size() * kDim);
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i);
    table_.Peek(ids.data(), ids.size(), values.data());
    read_.resize(values.size());
    for (size_t z = 0; z < values.size(); ++z) wrong_ += values[z] != std::floor(values[z]) || values[z] < read_[z];
    read_ = values;
  }

  Table table_;
  std::atomic<bool> running_{true};
  std::atomic<int64_t> wrong_{0}, refused_{0}, next_{0};
  std::ptrdiff_t trained_ = 0;  // of the one who cuts
  std::vector<float> read_;     // of the one who reads
};

TEST(HistoriesOfRowsAreRightBesideEverything) { Stress().Run(); }

}  // namespace
}  // namespace tandem
