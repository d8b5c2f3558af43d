// The distinct handles of a batch, each with the sum of its gradients.
//
// Memory:  a hash table of at least twice as many 8-byte entries as handles, and per distinct handle its first position,
//          16 bytes and, only if it occurs twice or more, a row of `dim` floats; a handle that occurs once points into
//          the batch. All kept for the next batch: in steady state nothing is allocated.
// Threads: a ShardSums belongs to one thread at a time; the shards of one batch may be summed at the same time, since
//          each takes the handles whose row hashes to it and reads the batch only.
//
// A sum is made in the order of positions, by additions of float32. Which shard a row falls to changes nothing, so any
// number of shards gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/handle.h"

namespace tandem {

struct GradientBatch {
  const int64_t* handles = nullptr;
  const float* grads = nullptr;  // size x dim
  size_t size = 0;               // below 2^32 - 1
  size_t dim = 0;
};

class ShardSums {
 public:
  // Collects and sums the handles of `batch` that fall to `shard` of `shards`; kNoHandle is left out. The batch must
  // stay where it is as long as the sums are read.
  void Sum(const GradientBatch& batch, int shard, int shards);

  // Distinct handles, in the order of their first positions.
  size_t size() const { return handles_.size(); }
  int64_t handle(size_t i) const { return handles_[i]; }
  size_t first_position(size_t i) const { return entries_[i].first; }
  const float* gradient(size_t i) const {
    const Entry& entry = entries_[i];
    return entry.sum == kOnlyOne ? batch_.grads + entry.first * batch_.dim : sums_.data() + entry.sum * batch_.dim;
  }

  size_t bytes() const;

 private:
  static constexpr uint32_t kOnlyOne = 0xFFFFFFFF;

  struct Entry {
    uint32_t first;  // position
    uint32_t sum;    // place in sums_, kOnlyOne if the handle has occurred once
  };

  void Reset(size_t expected);
  void Add(int64_t handle, uint32_t position);
  void AddAgain(Entry& entry, uint32_t position);
  void Grow();

  GradientBatch batch_;
  std::vector<uint64_t> table_;  // row << 32 | place in handles_; kEmpty
  std::vector<int64_t> handles_;
  std::vector<Entry> entries_;
  std::vector<float> sums_;
};

}  // namespace tandem
