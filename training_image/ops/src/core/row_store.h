// Where rows live: columns by row number, which never move.
//
// Memory:  arenas by row number. Row r has `stride` floats, its `dim` values and then its optimizer slots, from a place
//          aligned to 8 bytes (stride is even; 192 bytes at dim 16 with two slots, so three whole cache lines). Apart
//          from them its state of 12 bytes (generation, steps, changed: of one cache line, seldom of two), the event time
//          at which it was last seen (4 bytes, dense, so that the stamps of lookups stay in the cache) and its key, and for
//          8 rows together the greatest of their change epochs. Row numbers below limit() have memory.
// Life:    a place is free (changed == kNoLiveRow), or live from the moment its maker stores `changed`. Free(row) gives
//          it the next generation and puts it into limbo; it is handed out again when all calls that were reading then
//          have left.
// Threads: Allocate, Return, Free, limit and the figures from any thread. Values go by LoadRow and StoreRow
//          (row_copy.h) once the row can be found; the slots, steps and key belong to who steps or copies the row (the
//          table's step mutex, the cut's locks); generation, seen and changed are atomic.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "core/arena.h"
#include "core/handle.h"
#include "core/readers.h"

namespace tandem {

// `changed` of a place without a row; later than every epoch.
inline constexpr uint32_t kNoLiveRow = 0xFFFFFFFFu;

// How many rows share one block_changed: two cache lines of states, so that a delta of few rows reads few of them.
inline constexpr uint32_t kRowsPerBlockChanged = 8;

struct RowState {
  std::atomic<uint32_t> generation;
  uint32_t steps;                 // the row's own t
  std::atomic<uint32_t> changed;  // epoch of the last change; stamps.h says when a stamp counts as one
};
static_assert(sizeof(RowState) == 12, "the figures of memory per row count on it");

class RowStore {
 public:
  static constexpr uint32_t kMostRows = 0xFFFFFFF0u;  // the last numbers have a meaning of their own

  // `readers` outlives the store; all who look rows up are registered there.
  RowStore(int dim, int slots, Readers* readers);
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  Readers& readers() const { return *readers_; }
  int dim() const { return dim_; }
  size_t slot_floats() const { return slot_floats_; }
  size_t bytes_per_row() const {
    return stride_ * sizeof(float) + sizeof(RowState) + sizeof(uint32_t) + sizeof(int64_t);
  }

  float* Values(uint32_t row) const { return floats_ + row * stride_; }
  float* Slots(uint32_t row) const { return Values(row) + dim_; }
  int64_t& key(uint32_t row) const { return keys_[row]; }
  uint32_t& steps(uint32_t row) const { return states_[row].steps; }
  std::atomic<uint32_t>& generation(uint32_t row) const { return states_[row].generation; }
  // Greatest event time of a training lookup.
  std::atomic<uint32_t>& seen(uint32_t row) const { return seen_[row]; }
  std::atomic<uint32_t>& changed(uint32_t row) const { return states_[row].changed; }

  // The greatest `changed` of the kRowsPerBlockChanged rows of a block, or greater; zero at first. Only changes.h writes.
  std::atomic<uint32_t>& block_changed(uint32_t block) const { return block_changed_[block]; }

  int64_t HandleOf(uint32_t row) const { return MakeHandle(row, generation(row).load(std::memory_order_relaxed)); }

  // Whether the handle names a row that lives now. Under the step mutex it stays so: nobody else frees rows.
  bool IsLive(int64_t handle) const {
    const uint32_t row = RowOf(handle);
    return row < limit() && generation(row).load(std::memory_order_relaxed) == GenerationOf(handle) &&
           changed(row).load(std::memory_order_acquire) != kNoLiveRow;
  }

  bool IsFree(uint32_t row) const { return changed(row).load(std::memory_order_acquire) == kNoLiveRow; }

  void PrefetchState(uint32_t row) const {
    __builtin_prefetch(&states_[row].generation, 1);
    __builtin_prefetch(&states_[row].changed, 1);
    asm volatile("" : : "r"(row));  // or g++ takes this for a function without effect, and calls of it away
  }

  // For reading: what many rows of a batch share is mostly stamped already, and two threads can have it at once.
  void PrefetchSeen(uint32_t row) const {
    __builtin_prefetch(&seen_[row]);
    asm volatile("" : : "r"(row));
  }

  // Row numbers that have memory are below this; it only grows.
  uint32_t limit() const { return limit_.load(std::memory_order_acquire); }

  // Takes `n` free places, each with the generation that its next handle has. False, and none taken, if the system has
  // no more memory or there are no more row numbers.
  bool Allocate(size_t n, uint32_t* rows);

  // Gives back places that were never made live.
  void Return(const uint32_t* rows, size_t n);

  // Ends rows that can no longer be found in the index. The caller holds the step mutex.
  void Free(const uint32_t* rows, size_t n);

  // Bytes that the columns and the lists of free places hold from the system, those made ready ahead included.
  size_t bytes_reserved() const;

  // Places that wait for calls to leave, and places that are free.
  size_t limbo() const;
  size_t free() const;

 private:
  struct Leaving {
    uint64_t mark;
    size_t rows;  // how many of the front of limbo_ it covers
  };

  bool Extend(size_t n, uint32_t* rows);
  void Reclaim();

  const int dim_;
  const size_t slot_floats_;
  const size_t stride_;
  const uint32_t first_generation_;
  Readers* const readers_;
  Arena floats_arena_, states_arena_, seen_arena_, keys_arena_, blocks_arena_;
  float* const floats_;
  RowState* const states_;
  std::atomic<uint32_t>* const seen_;
  int64_t* const keys_;
  std::atomic<uint32_t>* const block_changed_;
  std::atomic<uint32_t> limit_{0};

  mutable std::mutex mutex_;  // guards all below, and who makes limit_ grow
  std::vector<uint32_t> free_;
  std::deque<uint32_t> limbo_;
  std::deque<Leaving> leaving_;
};

}  // namespace tandem
