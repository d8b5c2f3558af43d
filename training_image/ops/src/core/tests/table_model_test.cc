// Random sequences of calls on a table, against a model that is a map and knows nothing of columns, threads and images.
#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "core/table.h"
#include "core/tests/bare_table.h"
#include "core/tests/check.h"
#include "core/tests/thread_pool.h"

namespace tandem {
namespace {

using testing::BareRow;
using testing::BareRows;
using testing::Gather;

TableOptions Options(OptimizerKind kind, int dim) {
  TableOptions options;
  options.dim = dim;
  options.seed = 5;
  options.optimizer.kind = kind;
  options.optimizer.initial_accumulator = 0.1;
  options.optimizer.epsilon = 1e-7;
  if (kind != OptimizerKind::kSgd) options.initializer = {InitializerKind::kUniform, 0.05f};
  return options;
}

struct Model {
  explicit Model(const TableOptions& options) : options(options) {}

  void Change(int64_t key) { changed[key] = epoch; }

  void Lookup(int64_t key, uint32_t event_time) {
    const auto [at, born] = rows.try_emplace(key);
    BareRow& row = at->second;
    if (born) {
      row.values.resize(options.dim);
      row.slots.resize(static_cast<size_t>(options.dim) * options.optimizer.slots());
      InitRow(options.initializer, options.seed, key, options.dim, row.values.data());
      InitSlots(options.optimizer, options.dim, row.slots.data());
      removed.erase(key);
    }
    if (born || event_time > row.seen) Change(key);
    row.seen = std::max<int64_t>(row.seen, event_time);
  }

  void Apply(const std::vector<int64_t>& keys, const std::vector<float>& grads, float rate) {
    std::map<int64_t, std::vector<float>> sums;
    for (size_t i = 0; i < keys.size(); ++i) {
      const float* grad = grads.data() + i * options.dim;
      const auto [at, first] = sums.try_emplace(keys[i], grad, grad + options.dim);
      for (int z = 0; z < options.dim && !first; ++z) at->second[z] += grad[z];
    }
    for (const auto& [key, sum] : sums) {
      BareRow& row = rows.at(key);
      TakeStep(options.optimizer, options.dim, rate, ++row.steps, sum.data(), row.values.data(), row.slots.data());
      Change(key);
    }
  }

  void Remove(int64_t key) {
    if (rows.erase(key) != 0) removed[key] = epoch;
  }

  bool Leaves(const BareRow& row, const SweepRule& rule) const {
    const bool zero = std::all_of(row.values.begin(), row.values.end(), [](float v) { return v == 0; });
    return (row.seen != 0 && row.seen < rule.seen_before) || (rule.zero_rows && row.steps > 0 && zero);
  }

  size_t Sweep(const SweepRule& rule) {
    std::vector<int64_t> leaving;
    for (const auto& [key, row] : rows) {
      if (Leaves(row, rule)) leaving.push_back(key);
    }
    for (const int64_t key : leaving) Remove(key);
    return leaving.size();
  }

  const TableOptions options;
  BareRows rows;
  std::map<int64_t, int64_t> changed, removed;
  int64_t epoch = 1, acked = 0;
};

class Sequence {
 public:
  Sequence(uint32_t seed, const TableOptions& options, int threads)
      : random_(seed), table_(options), model_(options), threads_(threads) {}

  void Run(int calls) {
    for (int i = 0; i < calls; ++i) Call();
    if (cut_ != nullptr) Read(std::numeric_limits<size_t>::max());
    SortedRows sorted;
    CHECK(table_.Snapshot(&sorted).ok());
    const Rows all = sorted.Copy();
    CHECK(std::is_sorted(all.keys.begin(), all.keys.end()));
    CHECK(Gathered(all) == model_.rows);
    CHECK(table_.Size() == model_.rows.size() && table_.Keys() == all.keys);
  }

 private:
  void Call() {
    switch (random_() % 12) {
      case 0:
        return cut_ == nullptr ? Begin() : Read(1 + random_() % 90);
      case 1:
        if (cut_ != nullptr) Read(1 + random_() % 90);
        return;
      case 2:
        if (random_() % 8 == 0) cut_.reset();  // the reader dies
        return;
      case 3:
        return Acknowledge();
      case 4:
        return Remove();
      case 5:
        return random_() % 4 == 0 ? Sweep() : Load();
      default:
        return Train();
    }
  }

  std::vector<int64_t> SomeKeys(size_t most) {
    std::vector<int64_t> keys(random_() % most);
    for (int64_t& key : keys) key = static_cast<int64_t>(random_() % 400) - 200;
    return keys;
  }

  BareRows Gathered(const Rows& rows) const {
    BareRows out;
    const size_t dim = model_.options.dim;
    Gather(rows, dim, dim * model_.options.optimizer.slots(), &out);
    return out;
  }

  void Train() {
    const std::vector<int64_t> keys = SomeKeys(random_() % 20 == 0 ? 3000 : 60);
    const uint32_t event_time = random_() % 3 == 0 ? 0 : clock_ += random_() % 3;
    const int dim = model_.options.dim;
    std::vector<float> values(keys.size() * dim), grads(values.size());
    std::vector<int64_t> handles(keys.size());
    CHECK(table_.Lookup(keys.data(), keys.size(), event_time, values.data(), handles.data(), threads_).ok());
    for (size_t i = 0; i < keys.size(); ++i) {
      model_.Lookup(keys[i], event_time);
      CHECK(std::equal(values.begin() + i * dim, values.begin() + (i + 1) * dim, model_.rows[keys[i]].values.begin()));
    }
    if (random_() % 4 == 0) return;
    for (float& grad : grads) grad = static_cast<float>(random_() % 5) - 2;
    CHECK(table_.Apply(handles.data(), handles.size(), grads.data(), 0.5f, threads_).ok());
    model_.Apply(keys, grads, 0.5f);
  }

  void Remove() {
    const std::vector<int64_t> keys = SomeKeys(20);
    const size_t before = model_.rows.size();
    for (const int64_t key : keys) model_.Remove(key);
    CHECK(table_.Remove(keys.data(), keys.size()) == before - model_.rows.size());
  }

  void Sweep() {
    const SweepRule rule{clock_ < 50 ? 0 : clock_ - 50, random_() % 2 == 0};
    const SweepResult result = table_.Sweep(rule, std::numeric_limits<size_t>::max());
    CHECK(result.unseen + result.zero == model_.Sweep(rule));
    CHECK(result.wrapped);
  }

  // Rows from elsewhere; refused while a cut is being read.
  void Load() {
    const std::vector<int64_t> keys = SomeKeys(10), gone = SomeKeys(10);
    const std::set<int64_t> in(keys.begin(), keys.end());
    Rows rows;
    for (const int64_t key : in) {
      rows.keys.push_back(key);
      rows.values.insert(rows.values.end(), model_.options.dim, 1.5f);
      rows.slots.insert(rows.slots.end(), static_cast<size_t>(model_.options.dim) * model_.options.optimizer.slots(),
                        2);
      rows.steps.push_back(3);
      rows.seen.push_back(4);
    }
    std::set<int64_t> out;
    std::copy_if(gone.begin(), gone.end(), std::inserter(out, out.end()), [&](int64_t k) { return in.count(k) == 0; });
    const std::vector<int64_t> removed(out.begin(), out.end());
    const bool dirty = random_() % 2 == 0;
    const RowsView view{rows.keys.size(),  rows.keys.data(),  rows.values.data(),
                        rows.slots.data(), rows.steps.data(), rows.seen.data()};
    const bool loaded = table_.LoadRows(view, removed.data(), removed.size(), dirty).ok();
    CHECK(loaded || cut_ != nullptr);  // a cut whose last row has been given is no longer open
    if (!loaded) return;
    for (const int64_t key : removed) {
      model_.Remove(key);
      if (!dirty) model_.removed.erase(key);
    }
    for (const auto& [key, row] : Gathered(rows)) {
      model_.rows[key] = row;
      model_.removed.erase(key);
      model_.changed[key] = dirty ? model_.epoch : 0;
    }
  }

  void Begin() {
    const bool full = random_() % 4 == 0;
    expected_.clear();
    read_.clear();
    std::vector<int64_t> removed;
    for (const auto& [key, row] : model_.rows) {
      if (full || model_.changed.at(key) > model_.acked) expected_[key] = row;
    }
    for (const auto& [key, epoch] : model_.removed) {
      if (!full && epoch > model_.acked) removed.push_back(key);
    }
    CHECK(table_.BeginCut(full, full ? kNobody : 0, &cut_).ok());
    CHECK(cut_->epoch() == model_.epoch++ && cut_->removed() == removed && cut_->full() == full);
  }

  void Read(size_t rows) {
    Rows block;
    const bool more = cut_->Next(rows, &block);
    CHECK(block.keys.size() <= rows);
    for (auto& [key, row] : Gathered(block)) CHECK(read_.emplace(key, row).second);
    if (more) return;
    CHECK(read_ == expected_);
    if (!cut_->full()) whole_ = cut_->epoch();
    cut_.reset();
  }

  void Acknowledge() {
    if (whole_ == 0) return;
    CHECK(table_.Ack(whole_).ok());
    model_.acked = std::max(model_.acked, whole_);
    whole_ = 0;
  }

  std::mt19937 random_;
  Table table_;
  Model model_;
  testing::ThreadPool threads_;
  uint32_t clock_ = 1;
  std::shared_ptr<Cut> cut_;
  BareRows expected_, read_;
  int64_t whole_ = 0;  // the epoch of a delta that was read to its end
};

TEST(ATableIsItsModelThroughAnySequenceOfCalls) {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    const bool sgd = seed % 2 == 0;
    const int threads[] = {1, 2, 5};
    Sequence(seed, Options(sgd ? OptimizerKind::kSgd : OptimizerKind::kAdagrad, sgd ? 1 : 5), threads[seed % 3])
        .Run(1200);
  }
}

}  // namespace
}  // namespace tandem
