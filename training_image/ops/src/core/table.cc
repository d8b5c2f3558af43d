#include "core/table.h"

#include <algorithm>

#include "core/table_parts.h"

namespace tandem {
namespace {

constexpr size_t kRemovedAtOnce = 256;   // how many rows leave while a step has to wait
constexpr uint32_t kSweptAtOnce = 4096;  // how many places are looked at within one Readers::Call

// The most rows that fit into so many bytes, with the index that they need when their keys are spread evenly.
size_t RowsWithin(int64_t max_bytes, size_t bytes_per_row, size_t fixed_bytes) {
  if (max_bytes == 0) return RowStore::kMostRows;
  const auto bytes = static_cast<size_t>(max_bytes);
  size_t fits = 0;
  for (size_t step = size_t{1} << 31; step > 0; step /= 2) {
    const size_t rows = fits + step;
    if (fixed_bytes + rows * bytes_per_row + StripedIndex::BytesFor(rows) <= bytes) fits = rows;
  }
  return fits;
}

}  // namespace

Table::Table(const TableOptions& options)
    : options_(options),
      rows_(options.dim, options.optimizer.slots(), &readers_),
      index_(&readers_),
      changes_(&rows_),
      admission_(options.admission, StripedIndex::kStripes),
      max_rows_(RowsWithin(options.max_bytes, rows_.bytes_per_row(), admission_.bytes())),
      applier_(options.optimizer, &rows_, &changes_) {}

Status Table::Apply(const int64_t* handles, size_t size, const float* grads, float learning_rate,
                    const Parallel& parallel) {
  const std::lock_guard<std::mutex> lock(step_mutex_);
  return applier_.Apply(handles, size, grads, learning_rate, parallel);
}

std::vector<int64_t> Table::Keys() const {
  std::vector<int64_t> keys;
  {
    const Readers::Call call(readers_);
    keys.reserve(Size());
    const uint32_t limit = rows_.limit();
    for (uint32_t row = 0; row < limit; ++row) {
      // A row that is just being born or has just gone may be met here without being in the index.
      if (!rows_.IsFree(row) && RowOf(index_.Find(rows_.key(row))) == row) keys.push_back(rows_.key(row));
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

TableStats Table::Stats() const {
  TableStats stats;
  stats.size = Size();
  stats.bytes_reserved = rows_.bytes_reserved() + index_.bytes_reserved() + changes_.bytes() + admission_.bytes();
  stats.bytes_used = stats.size * rows_.bytes_per_row() + index_.bytes_used() + admission_.bytes();
  stats.tombstones = changes_.tombstones();
  stats.refused_at_limit = refused_at_limit_.load(std::memory_order_relaxed);
  stats.not_admitted = not_admitted_.load(std::memory_order_relaxed);
  stats.evicted = evicted_.load(std::memory_order_relaxed);
  return stats;
}

size_t Table::Remove(const int64_t* ids, size_t size) {
  size_t removed = 0;
  for (size_t first = 0; first < size; first += kRemovedAtOnce) {
    const std::lock_guard<std::mutex> lock(step_mutex_);
    Departures leaving(this);
    for (size_t i = first; i < std::min(size, first + kRemovedAtOnce); ++i) {
      if (admission_.filters()) {
        const int stripe = StripedIndex::StripeOf(StripedIndex::HashOf(ids[i]));
        const std::lock_guard<std::mutex> stripe_lock(index_.mutex(stripe));
        admission_.Forget(stripe, ids[i]);
      }
      int64_t handle;
      {
        const Readers::Call call(readers_);
        handle = index_.Find(ids[i]);
      }
      if (handle != kNoHandle) leaving.Add(RowOf(handle));
    }
    removed += leaving.size();
  }
  return removed;
}

SweepResult Table::Sweep(const SweepRule& rule, size_t places) {
  const std::lock_guard<std::mutex> sweep_lock(sweep_mutex_);
  SweepResult result;
  std::vector<uint32_t> found;
  const auto remove = [&](size_t first, size_t last) {
    const std::lock_guard<std::mutex> lock(step_mutex_);
    Departures leaving(this);
    for (size_t i = first; i < last; ++i) {
      const Leaves leaves = MayLeave(rows_, rule, found[i]);
      if (leaves == Leaves::kNot) continue;
      leaving.Add(found[i]);
      ++(leaves == Leaves::kZero ? result.zero : result.unseen);
    }
  };
  const uint32_t limit = rows_.limit();
  const uint32_t begin = std::min(swept_, limit);
  const auto end = static_cast<uint32_t>(begin + std::min<size_t>(limit - begin, places));
  for (uint32_t at = begin, next; at < end; at = next) {
    next = at + std::min(kSweptAtOnce, end - at);
    found.clear();
    {
      const Readers::Call call(readers_);
      LookForLeaving(rows_, rule, at, next, &found);
    }
    for (size_t i = 0; i < found.size(); i += kRemovedAtOnce) remove(i, std::min(found.size(), i + kRemovedAtOnce));
  }
  result.looked = end - begin;
  result.wrapped = end == limit;
  swept_ = result.wrapped ? 0 : end;
  return result;
}

Status Table::BeginCut(bool full, int consumer, std::shared_ptr<Cut>* cut) {
  std::unique_ptr<KeptTimes> room = full ? Cut::RoomFor(rows_) : nullptr;
  {
    const std::lock_guard<std::mutex> lock(step_mutex_);
    if (Status status = Cut::Begin(full, consumer, std::move(room), &rows_, &changes_, cut); !status.ok())
      return status;
  }
  (*cut)->Settle(&readers_);
  return Status();
}

Status Table::Snapshot(SortedRows* rows) {
  const std::lock_guard<std::mutex> lock(cut_mutex_);
  std::shared_ptr<Cut> cut;
  if (Status status = BeginCut(true, kNobody, &cut); !status.ok()) return status;
  *rows = SortedRows(cut.get(), static_cast<size_t>(rows_.dim()), rows_.slot_floats());
  return Status();
}

Status Table::BeginDelta(int consumer, Delta* delta) {
  const std::lock_guard<std::mutex> lock(cut_mutex_);
  std::shared_ptr<Cut> cut;
  if (Status status = BeginCut(false, consumer, &cut); !status.ok()) return status;
  delta->epoch = cut->epoch();
  delta->removed = cut->removed();
  delta->rows = SortedRows(cut.get(), static_cast<size_t>(rows_.dim()), rows_.slot_floats());
  return Status();
}

}  // namespace tandem
