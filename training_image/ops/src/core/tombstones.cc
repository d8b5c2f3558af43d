#include "core/tombstones.h"

#include <algorithm>

#include "core/random.h"

namespace tandem {
namespace {

constexpr size_t kLeast = 16;

uint64_t HashOf(int64_t key) { return Mix64(static_cast<uint64_t>(key) + kGolden); }

// Room for one more within four fifths.
bool Fits(size_t size, size_t capacity) { return 5 * (size + 1) <= 4 * capacity; }

}  // namespace

// The place of `key`, or the empty one where it belongs. There always is an empty one.
size_t Tombstones::Shard::Probe(int64_t key, uint64_t hash) const {
  size_t at = Home(hash);
  while (epochs[at] != 0 && keys[at] != key) at = Next(at);
  return at;
}

// Moves to tables of `capacity` entries; those up to epoch `drop` stay behind.
void Tombstones::Shard::Resize(size_t capacity, uint32_t drop) {
  std::vector<int64_t> old_keys(capacity);
  std::vector<uint32_t> old_epochs(capacity);
  keys.swap(old_keys);
  epochs.swap(old_epochs);
  for (size_t i = 0; i < old_keys.size(); ++i) {
    if (old_epochs[i] <= drop) continue;
    const size_t at = Probe(old_keys[i], HashOf(old_keys[i]));
    keys[at] = old_keys[i];
    epochs[at] = old_epochs[i];
  }
}

// Takes an entry out and closes the gap, so that probes never lengthen with age.
void Tombstones::Shard::EraseAt(size_t gap) {
  const size_t capacity = keys.size();
  for (size_t at = Next(gap); epochs[at] != 0; at = Next(at)) {
    const size_t home = Home(HashOf(keys[at]));
    const size_t from_home = at >= home ? at - home : at + capacity - home;
    const size_t from_gap = at >= gap ? at - gap : at + capacity - gap;
    if (from_home < from_gap) continue;  // its home lies behind the gap
    keys[gap] = keys[at];
    epochs[gap] = epochs[at];
    gap = at;
  }
  epochs[gap] = 0;
  size.fetch_sub(1, std::memory_order_release);
}

void Tombstones::Leave(int64_t key, uint32_t epoch) {
  const uint64_t hash = HashOf(key);
  Shard& shard = ShardOf(hash);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  const size_t size = shard.size.load(std::memory_order_relaxed);
  if (!Fits(size, shard.keys.size())) shard.Resize(std::max(kLeast, shard.keys.size() * 3 / 2), 0);
  const size_t at = shard.Probe(key, hash);
  if (shard.epochs[at] == 0) shard.size.store(size + 1, std::memory_order_release);
  shard.keys[at] = key;
  shard.epochs[at] = epoch;
}

uint32_t Tombstones::Erase(int64_t key, const std::atomic<uint32_t>& now) {
  const uint64_t hash = HashOf(key);
  Shard& shard = ShardOf(hash);
  // Who removed this key has left the stripe of the index in which the caller is now, so its tombstone is seen here.
  if (shard.size.load(std::memory_order_acquire) == 0) return now.load(std::memory_order_acquire);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  const uint32_t epoch = now.load(std::memory_order_acquire);
  if (shard.keys.empty()) return epoch;
  const size_t at = shard.Probe(key, hash);
  const uint32_t removed = shard.epochs[at];
  if (removed == 0) return epoch;
  const uint32_t last = last_.load(std::memory_order_relaxed);
  if (!shard.collected && epoch > last && removed <= last && removed >= first_.load(std::memory_order_relaxed)) {
    shard.reborn.push_back(key);
  }
  shard.EraseAt(at);
  return epoch;
}

void Tombstones::Expect(uint32_t first, uint32_t last) {
  first_.store(first, std::memory_order_relaxed);
  last_.store(last, std::memory_order_relaxed);
  for (Shard& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard.mutex);
    shard.reborn.clear();
    shard.collected = false;
  }
}

std::vector<int64_t> Tombstones::Collect() {
  const uint32_t first = first_.load(std::memory_order_relaxed), last = last_.load(std::memory_order_relaxed);
  std::vector<int64_t> keys;
  for (Shard& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard.mutex);
    keys.insert(keys.end(), shard.reborn.begin(), shard.reborn.end());
    for (size_t i = 0; i < shard.keys.size(); ++i) {
      if (shard.epochs[i] >= first && shard.epochs[i] <= last) keys.push_back(shard.keys[i]);
    }
    std::vector<int64_t>().swap(shard.reborn);
    shard.collected = true;
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

void Tombstones::Drop(uint32_t epoch) {
  for (Shard& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard.mutex);
    const size_t kept = static_cast<size_t>(
        std::count_if(shard.epochs.begin(), shard.epochs.end(), [epoch](uint32_t at) { return at > epoch; }));
    if (kept == shard.size.load(std::memory_order_relaxed)) continue;
    size_t capacity = kept == 0 ? 0 : kLeast;
    while (kept != 0 && !Fits(kept, capacity)) capacity = capacity * 3 / 2;
    shard.Resize(capacity, epoch);
    shard.size.store(kept, std::memory_order_release);
  }
}

size_t Tombstones::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) size += shard.size.load(std::memory_order_relaxed);
  return size;
}

size_t Tombstones::bytes() const {
  size_t bytes = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard<std::mutex> lock(shard.mutex);
    bytes += shard.keys.capacity() * sizeof(int64_t) + shard.epochs.capacity() * sizeof(uint32_t) +
             shard.reborn.capacity() * sizeof(int64_t);
  }
  return bytes;
}

}  // namespace tandem
