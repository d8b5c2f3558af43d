// Keys that were removed, each with the epoch of its removal, until every consumer of deltas has heard of it.
//
// Memory:  64 shards by the upper bits of the mixed key, each an open-addressing table of 12 bytes per entry (keys and
//          epochs apart, epoch 0 is empty), at most four fifths full, growing by half: 15 to 23 bytes per tombstone.
// Threads: all functions from any thread; a lock per shard. Erase of a key without a tombstone in a shard without any
//          takes no lock, so that births in a table without removals pay nothing.
//
// Reborn: a key that is born again loses its tombstone. If a cut is just being begun that still has to tell of the
// removal, the key is handed to the cut instead of being forgotten; see Collect.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace tandem {

class Tombstones {
 public:
  // A key was removed in `epoch`, which is not 0. Throws std::bad_alloc and changes nothing if there is no memory.
  void Leave(int64_t key, uint32_t epoch);

  // A key is born (or loaded) in the epoch that `now` has at this moment, which is returned; its tombstone vanishes.
  uint32_t Erase(int64_t key, const std::atomic<uint32_t>& now);

  // Opens a collection of the tombstones of epochs `first` (at least 1) to `last`. To be called before the epoch becomes last + 1;
  // what is born in that epoch then leaves its tombstone to the collection.
  void Expect(uint32_t first, uint32_t last);

  // The keys of the collection, sorted. Once per Expect.
  std::vector<int64_t> Collect();

  // Forgets tombstones up to `epoch`; all of them.
  void Drop(uint32_t epoch);
  void Clear() { Drop(0xFFFFFFFFu); }

  size_t size() const;
  size_t bytes() const;

 private:
  static constexpr int kShardBits = 6;

  struct alignas(64) Shard {
    std::atomic<size_t> size{0};
    mutable std::mutex mutex;  // guards all below
    std::vector<int64_t> keys;
    std::vector<uint32_t> epochs;
    std::vector<int64_t> reborn;  // keys of the expected collection that were born in the meantime
    bool collected = true;

    size_t Home(uint64_t hash) const { return ((hash & 0xFFFFFFFF) * keys.size()) >> 32; }
    size_t Next(size_t at) const { return at + 1 == keys.size() ? 0 : at + 1; }
    size_t Probe(int64_t key, uint64_t hash) const;
    void Resize(size_t capacity, uint32_t drop);
    void EraseAt(size_t at);
  };

  Shard& ShardOf(uint64_t hash) { return shards_[hash >> (64 - kShardBits)]; }

  std::array<Shard, 1 << kShardBits> shards_;
  std::atomic<uint32_t> first_{0}, last_{0};  // of the expected collection
};

}  // namespace tandem
