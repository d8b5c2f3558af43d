#include "core/cut.h"

#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "core/apply.h"
#include "core/tests/bare_table.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using testing::BareRows;
using testing::BareTable;
using testing::Gather;
using testing::ReadAll;

Optimizer Adagrad() {
  Optimizer optimizer;
  optimizer.kind = OptimizerKind::kAdagrad;
  optimizer.epsilon = 1e-7;
  return optimizer;
}

// A table, the epochs that a plain reading of changes.h gives its keys, and a cut that is read in between.
class Play {
 public:
  Play(uint32_t seed, int dim) : random_(seed), table_(dim, 1), applier_(Adagrad(), &table_.rows, &table_.changes) {}

  void Run(int moves) {
    for (int i = 0; i < moves; ++i) Move();
    if (cut_ != nullptr) Read(1000000);
  }

 private:
  void Move() {
    const int64_t key = static_cast<int64_t>(random_() % 300);
    switch (random_() % 16) {
      case 0:
        return cut_ == nullptr ? Begin() : Read(1 + random_() % 60);
      case 1:
        if (cut_ != nullptr) Read(1 + random_() % 60);
        return;
      case 2:
        if (cut_ != nullptr && random_() % 16 == 0) cut_.reset();  // a reader that gives up
        return;
      case 3:
        return Acknowledge();
      case 4:
      case 5:
        return Remove(key);
      case 6:
      case 7:
        return Stamp(key);
      case 8:
      case 9:
      case 10:
        return Step();
      default:
        return Birth(key);
    }
  }

  void Birth(int64_t key) {
    if (table_.places.count(key) != 0) return;
    table_.Birth(key, static_cast<float>(random_() % 100));
    changed_[key] = epoch_;
    removed_.erase(key);
  }

  void Remove(int64_t key) {
    if (table_.places.count(key) == 0) return;
    table_.Remove(key);
    changed_.erase(key);
    removed_[key] = epoch_;
  }

  void Stamp(int64_t key) {
    if (table_.places.count(key) == 0) return;
    // Mostly later than all before, sometimes as late or earlier, so that it may change nothing.
    const uint32_t time = random_() % 4 != 0 ? ++clock_ : clock_ - std::min<uint32_t>(clock_, random_() % 50);
    if (time > table_.rows.seen(table_.places.at(key))) changed_[key] = epoch_;
    table_.Stamp(key, time);
  }

  void Step() {
    std::vector<int64_t> handles;
    for (const auto& [key, row] : table_.places) {
      if (random_() % 4 != 0) continue;
      handles.push_back(table_.rows.HandleOf(row));
      changed_[key] = epoch_;
    }
    std::vector<float> grads(handles.size() * table_.rows.dim());
    for (float& grad : grads) grad = static_cast<float>(random_() % 7) - 3;
    CHECK(applier_.Apply(handles.data(), handles.size(), grads.data(), 0.1f, Serial()).ok());
  }

  void Begin() {
    consumer_ = static_cast<int>(random_() % 2);
    const bool full = random_() % 3 == 0 || (consumer_ == 1 && !knows_all_);
    expected_ = BareRows();
    expected_removed_.clear();
    const BareRows contents = table_.Contents();
    for (const auto& [key, row] : contents) {
      if (full || changed_.at(key) > acked_[consumer_]) expected_[key] = row;
    }
    for (const auto& [key, epoch] : removed_) {
      if (!full && epoch > acked_[consumer_]) expected_removed_.push_back(key);
    }
    cut_ = table_.Begin(full, consumer_);
    CHECK(cut_->epoch() == epoch_);
    CHECK(cut_->removed() == expected_removed_);
    read_.clear();
    ++epoch_;
    ++cuts;
  }

  void Read(size_t rows) {
    Rows block;
    const bool more = cut_->Next(rows, &block);
    Gather(block, table_.rows.dim(), table_.rows.slot_floats(), &read_);
    if (more) return;
    CHECK(read_ == expected_);
    can_acknowledge_ = {consumer_, cut_->epoch()};
    cut_.reset();
    ++finished;
  }

  void Acknowledge() {
    const auto [consumer, epoch] = can_acknowledge_;
    if (epoch == 0) return;
    CHECK(table_.changes.Ack(consumer, epoch).ok());
    acked_[consumer] = std::max<int64_t>(acked_[consumer], epoch);
    if (consumer == 1) knows_all_ = true;
    can_acknowledge_ = {0, 0};
  }

  std::mt19937 random_;
  BareTable table_;
  Applier applier_;
  uint32_t clock_ = 0;
  int64_t epoch_ = 1;
  int64_t acked_[2] = {0, 0};
  bool knows_all_ = false;
  std::map<int64_t, int64_t> changed_, removed_;
  std::shared_ptr<Cut> cut_;
  int consumer_ = 0;
  BareRows expected_, read_;
  std::vector<int64_t> expected_removed_;
  std::pair<int, int64_t> can_acknowledge_{0, 0};

 public:
  int cuts = 0, finished = 0;
};

TEST(ACutIsTheTableAtItsBeginWhateverIsDoneWhileItIsRead) {
  int finished = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Play play(seed, seed % 3 == 0 ? 1 : seed % 3 == 1 ? 3 : 16);
    play.Run(2000);
    CHECK(play.cuts > 5);
    finished += play.finished;
  }
  CHECK(finished > 600);
}

TEST(ACutHoldsFewRowsAtATime) {
  BareTable table(4, 1);
  for (int64_t key = 0; key < 20000; ++key) table.Birth(key, static_cast<float>(key));
  const auto cut = table.Begin(true, kNobody);
  size_t most = 0;
  BareRows read;
  int64_t touched = 20000;
  for (Rows block; cut->Next(64, &block);) {
    CHECK(block.keys.size() <= 64);
    Gather(block, 4, 4, &read);
    for (int i = 0; i < 32 && touched > 0; ++i) {  // from the end, ahead of the reader
      table.Stamp(--touched, 7);
      table.changes.Touch(table.places.at(touched));
    }
    most = std::max(most, table.changes.bytes());
  }
  CHECK(read.size() == 20000);
  for (const auto& [key, row] : read) CHECK(row.seen == 0);
  CHECK(most < 64 * 1024 + Cut::RoomFor(table.rows)->bytes());
}

// Every step takes all lasting rows one step on, so every cut must find all of them at the same one: Adagrad's slot
// counts the steps when each gradient is 1.
TEST(CutsAreExactWhileThreadsLookUpStepAndRemove) {
  constexpr int kDim = 6, kRows = 500, kCuts = 16;
  BareTable table(kDim, 1);
  Applier applier(Adagrad(), &table.rows, &table.changes);
  std::mutex step_mutex;
  std::vector<int64_t> handles;
  for (int64_t key = 0; key < kRows; ++key) handles.push_back(table.Birth(key, 0));
  std::atomic<bool> running{true};
  std::atomic<int64_t> wrong{0};
  std::thread trainer([&] {
    const std::vector<float> grads(kRows * kDim, 1.0f);
    for (; running; std::this_thread::yield()) {  // outside the lock, or nobody else would get it
      const std::lock_guard<std::mutex> lock(step_mutex);
      if (!applier.Apply(handles.data(), handles.size(), grads.data(), 0.1f, Serial()).ok()) ++wrong;
    }
  });
  std::thread churner([&] {
    for (int64_t key = 1000; running; ++key) {
      {
        const Readers::Call call(table.readers);
        table.Birth(key, static_cast<float>(key));
      }
      const std::lock_guard<std::mutex> lock(step_mutex);
      if (key >= 1040) table.Remove(key - 40);
    }
  });
  std::vector<std::thread> lookers;
  for (int thread = 0; thread < 2; ++thread) {
    lookers.emplace_back([&, thread] {
      for (uint32_t clock = 1; running; ++clock) {
        const Readers::Call call(table.readers);
        const Stamps::Stamp stamp = table.changes.BeginStamps(clock);
        for (int64_t i = thread; i < kRows; i += 3) table.changes.Stamp(RowOf(handles[i]), stamp);
      }
    });
  }
  std::map<int64_t, int64_t> replica;  // lasting key -> steps, by deltas
  for (int i = 0; i < kCuts; ++i) {
    const bool full = i % 2 == 0;
    std::shared_ptr<Cut> cut;
    {
      const std::lock_guard<std::mutex> lock(step_mutex);
      if (!Cut::Begin(full, full ? kNobody : 0, nullptr, &table.rows, &table.changes, &cut).ok()) ++wrong;
    }
    cut->Settle(&table.readers);
    const BareRows rows = ReadAll(*cut, table.rows, 37);
    std::map<int64_t, int64_t> all = full ? std::map<int64_t, int64_t>() : replica;
    for (const auto& [key, row] : rows) {
      if (key >= kRows) {
        if (row.values != std::vector<float>(kDim, static_cast<float>(key))) ++wrong;
        continue;
      }
      if (row.slots != std::vector<float>(kDim, static_cast<float>(row.steps))) ++wrong;
      all[key] = row.steps;
    }
    if (all.size() != kRows) ++wrong;
    for (const auto& [key, steps] : all) wrong += steps == all[0] ? 0 : 1;
    if (full) continue;
    replica = all;
    for (const int64_t key : cut->removed()) wrong += rows.count(key) != 0 || key < kRows ? 1 : 0;
    if (!table.changes.Ack(0, cut->epoch()).ok()) ++wrong;
  }
  running = false;
  trainer.join();
  churner.join();
  for (std::thread& looker : lookers) looker.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace tandem
