// The elastic table: rows that appear when a key is first looked up.
//
// Memory:  rows in columns that never move (row_store.h), the way from key to row in 64 stripes (striped_index.h), both
//          growing step by step; epochs of change and tombstones (changes.h); what is counted of ids without a row
//          (admission.h).
// Threads: every public function may be called from any thread at any time. Lookup of known ids and Peek take no lock;
//          births take the lock of a stripe. Apply, removals, loads and the beginning of a cut exclude one another by
//          the step mutex, which lookups never take, but for one that must evict. Order of locks: step, births, stripe;
//          no lock is waited for inside a Readers::Call but a stripe's.
// Results: the same calls in the same order give the same rows, bit by bit, for any number of threads. What runs beside
//          an Apply may read a row that mixes elements of two steps, never a torn float.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "core/admission.h"
#include "core/apply.h"
#include "core/changes.h"
#include "core/cut.h"
#include "core/handle.h"
#include "core/initializer.h"
#include "core/optimizer.h"
#include "core/parallel.h"
#include "core/readers.h"
#include "core/row_store.h"
#include "core/rows.h"
#include "core/sorted_rows.h"
#include "core/status.h"
#include "core/striped_index.h"
#include "core/sweep.h"

namespace tandem {

// What a table that has reached max_bytes does with an id that is new.
enum class LimitPolicy { kRefuse, kEvict };

struct TableOptions {
  int dim = 0;
  uint64_t seed = 0;
  Initializer initializer;
  Optimizer optimizer;
  AdmissionOptions admission;
  float default_value = 0;  // what an id without a row reads
  int64_t max_bytes = 0;    // of rows, index and filter; 0: no bound
  LimitPolicy at_limit = LimitPolicy::kRefuse;
};

struct TableStats {
  size_t size = 0;
  size_t bytes_reserved = 0;      // held from the system: with free places, tombstones and what is made ready ahead
  size_t bytes_used = 0;          // of live rows, index and filter: what max_bytes bounds
  size_t tombstones = 0;          // removals that some consumer has not acknowledged
  uint64_t refused_at_limit = 0;  // positions whose id got no row because the table was full
  uint64_t not_admitted = 0;      // positions whose id the filter did not admit
  uint64_t evicted = 0;           // rows that made room for others
};

class Table {
 public:
  explicit Table(const TableOptions& options);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const TableOptions& options() const { return options_; }

  // Finds or makes the row of each id, copies it to `values` and stamps it: seen = max(seen, event_time). An id that
  // gets no row reads default_value and has kNoHandle. Refuses if there is no memory; some rows may be born then.
  Status Lookup(const int64_t* ids, size_t size, uint32_t event_time, float* values, int64_t* handles,
                const Parallel& parallel = Serial());

  // Copies the rows of ids; an id without one reads default_value. Makes, stamps and marks nothing.
  void Peek(const int64_t* ids, size_t size, float* values, const Parallel& parallel = Serial()) const;

  // Takes one optimizer step per distinct row, with the sum of its gradients in the order of their positions. Refuses,
  // and changes nothing, if a handle is stale or foreign or a gradient is not finite; skips kNoHandle.
  Status Apply(const int64_t* handles, size_t size, const float* grads, float learning_rate,
               const Parallel& parallel = Serial());

  size_t Size() const { return index_.size(); }
  std::vector<int64_t> Keys() const;  // sorted
  TableStats Stats() const;

  // Removes the rows of ids that have one and returns how many; each leaves a tombstone. The filter forgets all ids.
  size_t Remove(const int64_t* ids, size_t size);

  // Looks at the next `places` places of rows, from where the last sweep ended, and removes those that leave by `rule`.
  SweepResult Sweep(const SweepRule& rule, size_t places);

  // Begins a cut of everything (`full`), or of what changed since the consumer's last acknowledged one.
  Status BeginCut(bool full, int consumer, std::shared_ptr<Cut>* cut);
  Status Ack(int64_t epoch, int consumer = 0) { return changes_.Ack(consumer, epoch); }
  Status Leave(int consumer) { return changes_.Leave(consumer); }

  // A whole cut in memory, sorted by key. They wait for one another, and refuse if a cut of BeginCut is being read.
  Status Snapshot(SortedRows* rows);
  Status BeginDelta(int consumer, Delta* delta);

  // Replaces the contents. Checks everything first. What was restored counts as acknowledged.
  Status Restore(const RowsView& rows);

  // Takes out `removed`, then writes `rows` over what is there. Checks everything first. The change counts as
  // acknowledged unless `mark_dirty`, which puts it into the next delta.
  Status LoadRows(const RowsView& rows, const int64_t* removed, size_t removed_size, bool mark_dirty);

  // The filter's state as flat words, and back (core/admission.h).
  std::vector<uint64_t> AdmissionState() const;
  Status CheckAdmissionState(const uint64_t* words, size_t size) const { return admission_.CheckState(words, size); }
  Status LoadAdmissionState(const uint64_t* words, size_t size);

 private:
  struct Batch;
  struct Misses;
  struct Making;
  class Places;
  class Departures;

  // table_lookup.cc
  template <int kDim, typename Visit>
  void Walk(const int64_t* ids, size_t first, size_t last, bool stamps, const KeptTimes* keeps,
            const Visit& visit) const;
  template <int kDim>
  void FindRange(const Batch& batch, size_t first, size_t last, std::vector<uint32_t>* misses);
  void FindPart(const Batch& batch, size_t first, size_t last, std::vector<uint32_t>* misses);
  void PeekPart(const Batch& batch, size_t first, size_t last) const;
  void ReadDefault(float* values) const;

  // table_births.cc
  Status MakeRows(const Batch& batch, const std::vector<uint32_t>& positions, const Parallel& parallel);
  void MakeRowsByStripe(const Batch& batch, const std::vector<uint32_t>& positions, const Parallel& parallel);
  void MakeRowsOfStripe(const Batch& batch, const Misses& misses, int stripe);
  Status MakeRowsUpToLimit(const Batch& batch, const std::vector<uint32_t>& positions);
  bool MayHaveRow(const Batch& batch, int stripe) const;
  void MakeRow(const Batch& batch, uint32_t position, int64_t key, Making* making);
  int64_t Birth(int64_t key, uint32_t event_time, uint32_t row);
  bool Evict(const Batch& batch);
  int64_t Find(int64_t key) const;

  // table_load.cc
  Status CheckLoad(size_t rows) const;
  void Write(const RowsView& rows, size_t at, bool mark_dirty, Places* places, Changes::Loading* loading);

  const TableOptions options_;
  mutable Readers readers_;
  RowStore rows_;
  StripedIndex index_;
  Changes changes_;
  Admission admission_;
  const size_t max_rows_;

  std::mutex step_mutex_;           // who changes or removes rows, and applier_
  std::shared_mutex births_mutex_;  // shared: who makes rows; alone: who loads them or counts them against the limit
  Applier applier_;
  std::mutex cut_mutex_;  // who copies a whole cut
  std::mutex sweep_mutex_;
  uint32_t swept_ = 0;  // the place where the next sweep begins

  std::atomic<uint64_t> refused_at_limit_{0}, not_admitted_{0}, evicted_{0};
};

}  // namespace tandem
