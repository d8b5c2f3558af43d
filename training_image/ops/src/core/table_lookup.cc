// Lookup and Peek: finding rows, in parallel and without a lock.
#include <algorithm>
#include <new>
#include <string>

#include "core/row_copy.h"
#include "core/table_parts.h"

namespace tandem {
namespace {

constexpr size_t kGroup = 32;                // ids whose lines are on their way at the same time
constexpr size_t kPositionsPerShard = 1024;  // at least
constexpr int kLineFloats = 16;

}  // namespace

void Table::ReadDefault(float* values) const { std::fill_n(values, options_.dim, options_.default_value); }

// Calls visit(i, handle, row) for first <= i < last in order, in groups: the lines of the index are asked for, the rows
// are found and asked for, then they are visited; so a group waits for memory twice and not twice for each id. kDim is
// the dim, or 0 for any; `stamps` and `keeps` say what else visit will write.
template <int kDim, typename Visit>
void Table::Walk(const int64_t* ids, size_t first, size_t last, bool stamps, const KeptTimes* keeps,
                 const Visit& visit) const {
  const int dim = kDim == 0 ? options_.dim : kDim;
  StripedIndex::Home homes[kGroup];
  int64_t handles[kGroup];
  const float* rows[kGroup];
  for (size_t at = first; at < last; at += kGroup) {
    const size_t group = std::min(kGroup, last - at);
    for (size_t i = 0; i < group; ++i) homes[i] = index_.Prefetch(ids[at + i]);
    for (size_t i = 0; i < group; ++i) {
      handles[i] = index_.Find(ids[at + i], homes[i]);
      if (handles[i] == kNoHandle) continue;
      const uint32_t row = RowOf(handles[i]);
      rows[i] = rows_.Values(row);
      for (int z = 0; z < dim; z += kLineFloats) __builtin_prefetch(rows[i] + z);
      if (stamps) rows_.PrefetchSeen(row);
      if (keeps != nullptr) keeps->Prefetch(row);
    }
    for (size_t i = 0; i < group; ++i) visit(at + i, handles[i], rows[i]);
  }
}

// Rows of ids that have one; the positions of the others go to `misses`. kDim is the dim, or 0 for any.
template <int kDim>
void Table::FindRange(const Batch& batch, size_t first, size_t last, std::vector<uint32_t>* misses) {
  const int dim = kDim == 0 ? options_.dim : kDim;
  const bool stamps = batch.event_time != 0;
  const Stamps::Stamp stamp = batch.stamp;
  Walk<kDim>(batch.ids, first, last, stamps, stamp.keeps, [&](size_t i, int64_t handle, const float* row) {
    batch.handles[i] = handle;
    if (handle == kNoHandle) {
      ReadDefault(batch.values + i * dim);  // until the id has a row
      return misses->push_back(static_cast<uint32_t>(i));
    }
    LoadRow(row, dim, batch.values + i * dim);
    if (stamps) changes_.Stamp(RowOf(handle), stamp);
  });
}

void Table::FindPart(const Batch& batch, size_t first, size_t last, std::vector<uint32_t>* misses) {
  switch (options_.dim) {
    case 8:
      return FindRange<8>(batch, first, last, misses);
    case 16:
      return FindRange<16>(batch, first, last, misses);
    case 32:
      return FindRange<32>(batch, first, last, misses);
    default:
      return FindRange<0>(batch, first, last, misses);
  }
}

Status Table::Lookup(const int64_t* ids, size_t size, uint32_t event_time, float* values, int64_t* handles,
                     const Parallel& parallel) {
  if (size >= kNoRow) return Status::Refused("ids has 2^32 - 1 or more positions");
  Batch batch{ids, size, event_time, values, handles, {}, {}};
  const int shards = ShardsFor(size, kPositionsPerShard, parallel, kManyShards);
  std::vector<std::vector<uint32_t>> misses(static_cast<size_t>(shards));
  std::atomic<bool> out_of_memory{false};
  const auto find = [&](int shard) {
    try {
      FindPart(batch, size * shard / shards, size * (shard + 1) / shards, &misses[shard]);
    } catch (const std::bad_alloc&) {
      out_of_memory = true;  // a thread of the pool lets no exception out
    }
  };
  {
    const Readers::Call call(readers_);
    batch.stamp = changes_.BeginStamps(event_time);
    if (admission_.filters()) {
      for (int stripe = 0; stripe < StripedIndex::kStripes; ++stripe) batch.entered[stripe] = index_.entered(stripe);
    }
    RunShards(shards, find, parallel);
  }
  if (out_of_memory) return Status::Refused("there is no memory for the positions of new ids");
  std::vector<uint32_t> positions = std::move(misses[0]);
  for (int shard = 1; shard < shards; ++shard) {
    positions.insert(positions.end(), misses[shard].begin(), misses[shard].end());
  }
  Status status = positions.empty() ? Status() : MakeRows(batch, positions, parallel);
  index_.Collect();  // the arrays that rows of this call made old, or that this call was the last to read
  return status;
}

void Table::PeekPart(const Batch& batch, size_t first, size_t last) const {
  const int dim = options_.dim;
  Walk<0>(batch.ids, first, last, false, nullptr, [&](size_t i, int64_t handle, const float* row) {
    float* out = batch.values + i * dim;
    handle == kNoHandle ? ReadDefault(out) : LoadRow(row, dim, out);
  });
}

void Table::Peek(const int64_t* ids, size_t size, float* values, const Parallel& parallel) const {
  const Batch batch{ids, size, 0, values, nullptr, {}, {}};
  const int shards = ShardsFor(size, kPositionsPerShard, parallel, kManyShards);
  const auto peek = [&](int shard) { PeekPart(batch, size * shard / shards, size * (shard + 1) / shards); };
  const Readers::Call call(readers_);
  RunShards(shards, peek, parallel);
}

}  // namespace tandem
