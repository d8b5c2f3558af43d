// The elastic table: rows that appear when a key is first looked up.
//
// Memory:  rows live in slabs of 1024 that never move, each row `dim` values and then its optimizer slots; keys,
//          generations, step counts, stamps and change epochs in an array apart; the way from key to row in KeyIndex.
//          A removed row's place goes to a free list and is used again.
// Handles: generation in the upper 32 bits, row in the lower. A place changes generation when its row is removed, and
//          tables start at different ones, so that an old or foreign handle is refused. kNoHandle stands for "no row".
// Threads: every public function may be called from any thread at any time; one mutex per table orders them.
// Deltas:  each row and tombstone carries the epoch of its last change. BeginDelta returns all that changed after the
//          last acknowledged epoch and opens the next one; Ack(e) moves the mark to e. Nothing is cleared, so nothing
//          can be lost: what is not acknowledged is in the next delta again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/handle.h"
#include "core/initializer.h"
#include "core/key_index.h"
#include "core/optimizer.h"
#include "core/rows.h"
#include "core/status.h"

namespace tandem {

struct TableOptions {
  int dim = 0;
  uint64_t seed = 0;
  Initializer initializer;
  Optimizer optimizer;
};

class Table {
 public:
  explicit Table(const TableOptions& options);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const TableOptions& options() const { return options_; }

  // Finds or makes the row of each id, copies it to `values` and stamps it: seen = max(seen, event_time).
  void Lookup(const int64_t* ids, size_t size, int64_t event_time, float* values, int64_t* handles);

  // Copies the rows of ids; an unknown id reads zeros. Makes, stamps and marks nothing.
  void Peek(const int64_t* ids, size_t size, float* values) const;

  // Takes one optimizer step per distinct row, with the sum of its gradients in the order of their positions. Refuses,
  // and changes nothing, if a handle is stale or foreign or a gradient is not finite; skips kNoHandle.
  Status Apply(const int64_t* handles, size_t size, const float* grads, float learning_rate);

  size_t Size() const;
  std::vector<int64_t> Keys() const;  // sorted

  // Removes the rows of ids that have one and returns how many; each leaves a tombstone.
  size_t Remove(const int64_t* ids, size_t size);

  Rows Snapshot() const;

  // Replaces the contents. Checks everything first. What was restored counts as acknowledged.
  Status Restore(const RowsView& rows);

  // Takes out `removed`, then writes `rows` over what is there. Checks everything first. The change counts as
  // acknowledged unless `mark_dirty`, which puts it into the next delta.
  Status LoadRows(const RowsView& rows, const int64_t* removed, size_t removed_size, bool mark_dirty);

  Delta BeginDelta();
  Status Ack(int64_t epoch);

 private:
  struct RowMeta {
    int64_t key = 0;
    int64_t steps = 0;
    int64_t seen = 0;
    int64_t changed = 0;  // epoch of the last change
    uint32_t generation = 0;
    bool live = false;
  };

  static constexpr size_t kSlabRows = 1024;

  float* Values(uint32_t row) const { return slabs_[row / kSlabRows].get() + (row % kSlabRows) * stride_; }
  float* Slots(uint32_t row) const { return Values(row) + options_.dim; }
  int64_t HandleOf(uint32_t row) const;

  void ReserveRows(size_t rows);
  // A reserved place becomes the row of an absent key; what is in it is the caller's business.
  uint32_t Place(int64_t key);
  uint32_t Birth(int64_t key);
  void Free(uint32_t row);
  void Write(const RowsView& rows, size_t at, int64_t changed);
  Status CheckHandles(const int64_t* handles, size_t size) const;
  std::vector<uint32_t> LiveByKey() const;
  Rows Copy(const std::vector<uint32_t>& rows) const;

  const TableOptions options_;
  const size_t stride_;
  const uint32_t first_generation_;

  mutable std::mutex mutex_;  // guards all below
  KeyIndex index_;
  std::vector<RowMeta> meta_;
  std::vector<std::unique_ptr<float[]>> slabs_;
  std::vector<uint32_t> free_;
  std::map<int64_t, int64_t> tombstones_;  // key -> epoch of its removal
  int64_t epoch_ = 1;                      // of changes made now
  int64_t acked_ = 0;
};

}  // namespace tandem
