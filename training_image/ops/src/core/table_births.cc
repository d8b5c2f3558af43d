// The second phase of a lookup: rows for ids that have none, decided by position and stripe, never by thread.
#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "core/eviction.h"
#include "core/float_mode.h"
#include "core/row_copy.h"
#include "core/table_parts.h"

namespace tandem {
namespace {

constexpr size_t kAhead = 12;               // positions whose cache lines are on their way
constexpr size_t kPositionsPerShard = 256;  // at least
constexpr size_t kEvictedShare = 64;        // of the rows leave when one must, since finding the oldest looks at all

Status NoMemory() { return Status::Refused("there is no memory for more rows"); }

int StripeOf(int64_t key) { return StripedIndex::StripeOf(StripedIndex::HashOf(key)); }

}  // namespace

// Positions without a row and their keys, by stripe, in the order of positions within each.
struct Table::Misses {
  struct Miss {
    int64_t key;
    uint32_t position;
  };
  std::vector<Miss> all;
  std::array<uint32_t, StripedIndex::kStripes + 1> begin{};

  Misses(const Batch& batch, const std::vector<uint32_t>& in_order) : all(in_order.size()) {
    std::vector<uint8_t> stripes(in_order.size());
    for (size_t i = 0; i < in_order.size(); ++i) {
      stripes[i] = static_cast<uint8_t>(StripeOf(batch.ids[in_order[i]]));
      ++begin[stripes[i] + 1];
    }
    for (int stripe = 0; stripe < StripedIndex::kStripes; ++stripe) begin[stripe + 1] += begin[stripe];
    std::array<uint32_t, StripedIndex::kStripes + 1> next = begin;
    for (size_t i = 0; i < in_order.size(); ++i) all[next[stripes[i]]++] = {batch.ids[in_order[i]], in_order[i]};
  }
};

// What the positions of one stripe share. Counts are told to the table once, since all stripes tell the same places.
struct Table::Making {
  Table& table;
  int stripe;
  Stamps::Stamp stamp;
  Places places;
  bool full = false;
  uint64_t not_admitted = 0, refused = 0;

  // Inside a Readers::Call. `most`: how many rows there will be at most.
  Making(Table* table, int stripe, uint32_t event_time, size_t most)
      : table(*table), stripe(stripe), stamp(table->changes_.BeginStamps(event_time)), places(&table->rows_, most) {}
  ~Making() {
    if (not_admitted != 0) table.not_admitted_.fetch_add(not_admitted, std::memory_order_relaxed);
    if (refused != 0) table.refused_at_limit_.fetch_add(refused, std::memory_order_relaxed);
  }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
};

Status Table::MakeRows(const Batch& batch, const std::vector<uint32_t>& positions, const Parallel& parallel) {
  try {
    if (options_.max_bytes != 0) {
      const std::unique_lock<std::shared_mutex> lock(births_mutex_);
      if (Size() + positions.size() <= max_rows_) {
        MakeRowsByStripe(batch, positions, parallel);
        return Status();
      }
    } else {
      const std::shared_lock<std::shared_mutex> lock(births_mutex_);
      MakeRowsByStripe(batch, positions, parallel);
      return Status();
    }
    return MakeRowsUpToLimit(batch, positions);
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

void Table::MakeRowsByStripe(const Batch& batch, const std::vector<uint32_t>& positions, const Parallel& parallel) {
  const Misses misses(batch, positions);
  const int shards = ShardsFor(positions.size(), kPositionsPerShard, parallel, kManyShards);
  std::atomic<bool> out_of_memory{false};
  const auto make = [&](int shard) {
    const IeeeScope ieee;
    try {
      for (int stripe = StripedIndex::kStripes * shard / shards; stripe < StripedIndex::kStripes * (shard + 1) / shards;
           ++stripe) {
        if (misses.begin[stripe] != misses.begin[stripe + 1]) MakeRowsOfStripe(batch, misses, stripe);
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;  // a thread of the pool lets no exception out
    }
  };
  RunShards(shards, make, parallel);
  if (admission_.filters()) admission_.EndCall(positions.size());
  if (out_of_memory) throw std::bad_alloc();
}

void Table::MakeRowsOfStripe(const Batch& batch, const Misses& misses, int stripe) {
  const Misses::Miss* begin = misses.all.data() + misses.begin[stripe];
  const size_t count = misses.begin[stripe + 1] - misses.begin[stripe];
  // For each stripe anew, so that in a batch of many new ids one stripe can use the memory that another has left.
  const Readers::Call call(readers_);
  Making making(this, stripe, batch.event_time, count);
  const std::lock_guard<std::mutex> lock(index_.mutex(stripe));
  for (size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) {
      if (MayHaveRow(batch, stripe)) index_.Prefetch(begin[i + kAhead].key);
      if (admission_.filters()) admission_.Prefetch(stripe, begin[i + kAhead].key);
    }
    MakeRow(batch, begin[i].position, begin[i].key, &making);
  }
}

// Whether an id of the stripe that had no row in the first phase can have one now. Where a filter keeps ids out it mostly
// can't, and the index need not be asked again. The caller holds the stripe's mutex.
bool Table::MayHaveRow(const Batch& batch, int stripe) const {
  return !admission_.filters() || index_.entered(stripe) != batch.entered[stripe];
}

// The row of one position, found or born, or else none, as the first phase has written. The caller holds the stripe's
// mutex.
void Table::MakeRow(const Batch& batch, uint32_t position, int64_t key, Making* making) {
  float* values = batch.values + static_cast<size_t>(position) * options_.dim;
  int64_t& handle = batch.handles[position];
  if (MayHaveRow(batch, making->stripe)) {
    if (const int64_t found = index_.Find(key); found != kNoHandle) {
      handle = found;
      LoadRow(rows_.Values(RowOf(handle)), options_.dim, values);
      return changes_.Stamp(RowOf(handle), making->stamp);
    }
  }
  if (making->full) {
    ++making->refused;
    return;
  }
  if (admission_.filters() && !admission_.Admit(making->stripe, key, batch.event_time)) {
    ++making->not_admitted;
    return;
  }
  index_.MakeRoom(making->stripe);
  const uint32_t row = making->places.Next();
  if (row == kNoRow) throw std::bad_alloc();
  handle = Birth(key, batch.event_time, row);
  // It is published: the next lookup may get its handle, and a step write it.
  LoadRow(rows_.Values(row), options_.dim, values);
}

// Nobody reads the place: it is written plainly, and then published.
int64_t Table::Birth(int64_t key, uint32_t event_time, uint32_t row) {
  rows_.key(row) = key;
  rows_.steps(row) = 0;
  rows_.seen(row).store(event_time, std::memory_order_relaxed);
  InitRow(options_.initializer, options_.seed, key, options_.dim, rows_.Values(row));
  InitSlots(options_.optimizer, options_.dim, rows_.Slots(row));
  changes_.Born(row, key);
  const int64_t handle = rows_.HandleOf(row);
  index_.Insert(key, handle);
  return handle;
}

// Near the limit positions are worked off one after the other, so that it is positions that decide who gets the rest.
Status Table::MakeRowsUpToLimit(const Batch& batch, const std::vector<uint32_t>& positions) {
  const IeeeScope ieee;
  const bool evicts = options_.at_limit == LimitPolicy::kEvict;
  std::unique_lock<std::mutex> step(step_mutex_, std::defer_lock);
  if (evicts) step.lock();
  const std::unique_lock<std::shared_mutex> births(births_mutex_);
  bool can_evict = evicts;
  for (const uint32_t position : positions) {
    const int64_t key = batch.ids[position];
    const int stripe = StripeOf(key);
    bool full = Size() >= max_rows_;
    if (full && can_evict && Find(key) == kNoHandle) {
      can_evict = Evict(batch);
      full = !can_evict;
    }
    const Readers::Call call(readers_);
    Making making(this, stripe, batch.event_time, 1);
    making.full = full;
    const std::lock_guard<std::mutex> lock(index_.mutex(stripe));
    MakeRow(batch, position, key, &making);
  }
  if (admission_.filters()) admission_.EndCall(positions.size());
  return Status();
}

int64_t Table::Find(int64_t key) const {
  const Readers::Call call(readers_);
  return index_.Find(key);
}

// Removes the rows that were seen the longest ago, but none of this batch. False if there are no others. Under the step
// mutex and outside of a Readers::Call.
bool Table::Evict(const Batch& batch) {
  std::vector<uint32_t> stay;
  for (size_t i = 0; i < batch.size; ++i) {
    if (batch.handles[i] != kNoHandle) stay.push_back(RowOf(batch.handles[i]));
  }
  std::sort(stay.begin(), stay.end());
  const std::vector<uint32_t> oldest = LeastRecentlySeen(rows_, max_rows_ / kEvictedShare + 1, stay);
  {
    Departures leaving(this);
    for (const uint32_t row : oldest) leaving.Add(row);
  }
  evicted_.fetch_add(oldest.size(), std::memory_order_relaxed);
  // Then their places can be used at once, and the table does not grow beyond its bound.
  readers_.Synchronize();
  return !oldest.empty();
}

}  // namespace tandem
