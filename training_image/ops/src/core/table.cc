#include "core/table.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <string>

#include "core/float_mode.h"

namespace tandem {
namespace {

// A different first generation for every table of the process, spread over the 32 bits: an odd factor is a bijection.
uint32_t NextFirstGeneration() {
  static std::atomic<uint32_t> tables{0};
  return ++tables * 0x9E3779B1u;
}

// Like reserve, but doubling, so that many small steps stay linear.
template <typename T>
void MakeRoom(std::vector<T>& vector, size_t size) {
  if (vector.capacity() < size) vector.reserve(std::max(size, 2 * vector.capacity()));
}

Status CheckGradients(const float* grads, size_t size, int dim) {
  for (size_t i = 0; i < size * dim; ++i) {
    if (!std::isfinite(grads[i])) {
      return Status::Refused("grads[" + std::to_string(i / dim) + "] is not finite");
    }
  }
  return Status();
}

}  // namespace

Table::Table(const TableOptions& options)
    : options_(options),
      stride_(static_cast<size_t>(options.dim) * (1 + options.optimizer.slots())),
      first_generation_(NextFirstGeneration()) {}

int64_t Table::HandleOf(uint32_t row) const {
  return static_cast<int64_t>((static_cast<uint64_t>(meta_[row].generation) << 32) | row);
}

// Makes sure that `rows` places exist in all, and that each can be entered, freed and found without new memory.
void Table::ReserveRows(size_t rows) {
  index_.Reserve(rows);
  while (meta_.size() < rows) {
    const size_t first = meta_.size();
    MakeRoom(free_, first + kSlabRows);
    MakeRoom(meta_, first + kSlabRows);
    slabs_.push_back(std::make_unique<float[]>(kSlabRows * stride_));
    meta_.resize(first + kSlabRows);
    for (size_t i = kSlabRows; i > 0; --i) {
      meta_[first + i - 1].generation = first_generation_;
      free_.push_back(static_cast<uint32_t>(first + i - 1));
    }
  }
}

uint32_t Table::Place(int64_t key) {
  const uint32_t row = free_.back();
  free_.pop_back();
  index_.Insert(key, row);
  meta_[row].key = key;
  meta_[row].live = true;
  return row;
}

uint32_t Table::Birth(int64_t key) {
  ReserveRows(index_.size() + 1);
  const uint32_t row = Place(key);
  tombstones_.erase(key);
  InitRow(options_.initializer, options_.seed, key, options_.dim, Values(row));
  InitSlots(options_.optimizer, options_.dim, Slots(row));
  meta_[row].steps = 0;
  meta_[row].seen = 0;
  meta_[row].changed = epoch_;
  return row;
}

void Table::Free(uint32_t row) {
  RowMeta& meta = meta_[row];
  index_.Erase(meta.key);
  meta.live = false;
  ++meta.generation;
  free_.push_back(row);
}

void Table::Lookup(const int64_t* ids, size_t size, int64_t event_time, float* values, int64_t* handles) {
  const IeeeScope ieee;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < size; ++i) {
    uint32_t row = index_.Find(ids[i]);
    if (row == kNoRow) row = Birth(ids[i]);
    RowMeta& meta = meta_[row];
    if (event_time > meta.seen) {
      meta.seen = event_time;
      meta.changed = epoch_;
    }
    std::copy_n(Values(row), options_.dim, values + i * options_.dim);
    handles[i] = HandleOf(row);
  }
}

void Table::Peek(const int64_t* ids, size_t size, float* values) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < size; ++i) {
    const uint32_t row = index_.Find(ids[i]);
    float* out = values + i * options_.dim;
    if (row == kNoRow) {
      std::fill_n(out, options_.dim, 0.0f);
    } else {
      std::copy_n(Values(row), options_.dim, out);
    }
  }
}

Status Table::CheckHandles(const int64_t* handles, size_t size) const {
  for (size_t i = 0; i < size; ++i) {
    if (handles[i] == kNoHandle) continue;
    const uint32_t row = RowOf(handles[i]);
    if (row < meta_.size() && meta_[row].live && meta_[row].generation == GenerationOf(handles[i])) {
      continue;
    }
    return Status::Refused("handles[" + std::to_string(i) + "] (row " + std::to_string(row) + ", generation " +
                           std::to_string(GenerationOf(handles[i])) +
                           ") is no row of this table: its id was removed or the table restored since "
                           "the lookup, or it comes from another table. Look the ids up again");
  }
  return Status();
}

Status Table::Apply(const int64_t* handles, size_t size, const float* grads, float learning_rate) {
  if (!std::isfinite(learning_rate)) return Status::Refused("learning_rate is not finite");
  const size_t dim = static_cast<size_t>(options_.dim);
  if (Status status = CheckGradients(grads, size, options_.dim); !status.ok()) return status;
  // Positions by row, and by position within a row: a stable order fixes the order of each sum.
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [handles](size_t a, size_t b) { return RowOf(handles[a]) < RowOf(handles[b]); });
  std::vector<float> sum(dim);

  const IeeeScope ieee;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Status status = CheckHandles(handles, size); !status.ok()) return status;
  for (size_t first = 0, last; first < size; first = last) {
    const int64_t handle = handles[order[first]];
    std::copy_n(grads + order[first] * dim, dim, sum.begin());
    for (last = first + 1; last < size && handles[order[last]] == handle; ++last) {
      const float* grad = grads + order[last] * dim;
      for (size_t z = 0; z < dim; ++z) sum[z] += grad[z];
    }
    if (handle == kNoHandle) continue;
    const uint32_t row = RowOf(handle);
    RowMeta& meta = meta_[row];
    meta.changed = epoch_;
    TakeStep(options_.optimizer, options_.dim, learning_rate, ++meta.steps, sum.data(), Values(row), Slots(row));
  }
  return Status();
}

size_t Table::Size() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return index_.size();
}

std::vector<int64_t> Table::Keys() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<int64_t> keys;
  keys.reserve(index_.size());
  for (const RowMeta& meta : meta_) {
    if (meta.live) keys.push_back(meta.key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

size_t Table::Remove(const int64_t* ids, size_t size) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t before = index_.size();
  for (size_t i = 0; i < size; ++i) {
    const uint32_t row = index_.Find(ids[i]);
    if (row == kNoRow) continue;
    tombstones_[ids[i]] = epoch_;
    Free(row);
  }
  return before - index_.size();
}

std::vector<uint32_t> Table::LiveByKey() const {
  std::vector<uint32_t> rows;
  rows.reserve(index_.size());
  for (size_t row = 0; row < meta_.size(); ++row) {
    if (meta_[row].live) rows.push_back(static_cast<uint32_t>(row));
  }
  std::sort(rows.begin(), rows.end(), [this](uint32_t a, uint32_t b) { return meta_[a].key < meta_[b].key; });
  return rows;
}

Rows Table::Copy(const std::vector<uint32_t>& rows) const {
  const size_t dim = static_cast<size_t>(options_.dim);
  Rows out;
  out.keys.reserve(rows.size());
  out.values.reserve(rows.size() * dim);
  out.slots.reserve(rows.size() * (stride_ - dim));
  out.steps.reserve(rows.size());
  out.seen.reserve(rows.size());
  for (uint32_t row : rows) {
    const float* values = Values(row);
    out.keys.push_back(meta_[row].key);
    out.values.insert(out.values.end(), values, values + dim);
    out.slots.insert(out.slots.end(), values + dim, values + stride_);
    out.steps.push_back(meta_[row].steps);
    out.seen.push_back(meta_[row].seen);
  }
  return out;
}

Rows Table::Snapshot() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Copy(LiveByKey());
}

// Writes row `at` of `rows` to its key's place; room for a new one must have been reserved.
void Table::Write(const RowsView& rows, size_t at, int64_t changed) {
  const size_t dim = static_cast<size_t>(options_.dim);
  uint32_t row = index_.Find(rows.keys[at]);
  if (row == kNoRow) row = Place(rows.keys[at]);
  tombstones_.erase(rows.keys[at]);
  std::copy_n(rows.values + at * dim, dim, Values(row));
  std::copy_n(rows.slots + at * (stride_ - dim), stride_ - dim, Slots(row));
  meta_[row].steps = rows.steps[at];
  meta_[row].seen = rows.seen[at];
  meta_[row].changed = changed;
}

Status Table::Restore(const RowsView& rows) {
  if (Status status = CheckRows(rows, options_.dim, options_.optimizer); !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  ReserveRows(rows.size);
  for (size_t row = meta_.size(); row > 0; --row) {
    if (meta_[row - 1].live) Free(static_cast<uint32_t>(row - 1));
  }
  tombstones_.clear();
  for (size_t i = 0; i < rows.size; ++i) Write(rows, i, 0);
  return Status();
}

Status Table::LoadRows(const RowsView& rows, const int64_t* removed, size_t removed_size, bool mark_dirty) {
  if (Status status = CheckRows(rows, options_.dim, options_.optimizer); !status.ok()) return status;
  if (Status status = CheckKeysAscend("removed", removed, removed_size); !status.ok()) return status;
  for (size_t i = 0; i < removed_size; ++i) {
    if (std::binary_search(rows.keys, rows.keys + rows.size, removed[i])) {
      return Status::Refused("removed[" + std::to_string(i) + "] (key " + std::to_string(removed[i]) +
                             ") is among keys too");
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  ReserveRows(index_.size() + rows.size);
  for (size_t i = 0; i < removed_size; ++i) {
    const uint32_t row = index_.Find(removed[i]);
    if (!mark_dirty) {
      tombstones_.erase(removed[i]);
    } else if (row != kNoRow) {
      tombstones_[removed[i]] = epoch_;
    }
    if (row != kNoRow) Free(row);
  }
  for (size_t i = 0; i < rows.size; ++i) Write(rows, i, mark_dirty ? epoch_ : 0);
  return Status();
}

Delta Table::BeginDelta() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<uint32_t> rows = LiveByKey();
  rows.erase(std::remove_if(rows.begin(), rows.end(), [this](uint32_t row) { return meta_[row].changed <= acked_; }),
             rows.end());
  Delta delta;
  delta.rows = Copy(rows);
  delta.removed.reserve(tombstones_.size());
  for (const auto& [key, epoch] : tombstones_) delta.removed.push_back(key);
  delta.epoch = epoch_++;
  return delta;
}

Status Table::Ack(int64_t epoch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (epoch < 1 || epoch >= epoch_) {
    return Status::Refused("epoch " + std::to_string(epoch) +
                           " was not begun: acknowledge the epoch that begin_delta returned");
  }
  acked_ = std::max(acked_, epoch);
  for (auto it = tombstones_.begin(); it != tombstones_.end();) {
    it = it->second <= acked_ ? tombstones_.erase(it) : std::next(it);
  }
  return Status();
}

}  // namespace tandem
