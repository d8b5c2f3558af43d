// Which chain of nodes belongs to a key: 64 stripes of open addressing that are read without a lock.
//
// Memory:  a stripe's array has 16-byte entries {key, first node}, four to a cache line, filled up to a share that
//          differs from stripe to stripe (0.52 to 0.62), and grows by a quarter to a seventh, so that stripes grow one
//          at a time; about 31 bytes a key at any size. The upper bits of the mixed key are the stripe, the next ones
//          in proportion the home line in it, then line after line. Every int64 is a valid key: an entry without one is
//          told by its node.
// Threads: Prefetch and Find from any thread inside a Readers::Call; all else is the one writer's. The key of an entry
// is
//          never changed in its array, so a reader needs no second look; growth makes a new array and publishes it with
//          one store, and the old one is used again when all calls in flight have left. A pointer to an entry holds
//          until the next Add or, for a reader, until its call ends.
//
// The same layout as the training core's StripedIndex (core/striping.h), whose entries, though, are written once and
// never again.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "core/index_memory.h"
#include "core/readers.h"
#include "core/striping.h"
#include "rows/node.h"

namespace tandem::serving {

class RowIndex {
 public:
  static constexpr int kStripes = striping::kStripes;

  // `readers` outlives the index.
  explicit RowIndex(Readers* readers);
  ~RowIndex();
  RowIndex(const RowIndex&) = delete;
  RowIndex& operator=(const RowIndex&) = delete;

  static uint64_t HashOf(int64_t key) { return striping::HashOf(key); }
  static int StripeOf(uint64_t hash) { return striping::StripeOf(hash); }

  // Brings the home of a key into the cache; returns the key's hash for Find.
  uint64_t Prefetch(int64_t key) const {
    const uint64_t hash = HashOf(key);
    __builtin_prefetch(HomeOf(ArrayOf(StripeOf(hash)), hash));
    return hash;
  }

  // The first node of a key's chain; nullptr if the key has no entry.
  std::atomic<NodeWord>* Find(int64_t key, uint64_t hash) const { return FindIn(ArrayOf(StripeOf(hash)), hash, key); }

  // Enters a key that has no entry, with its first node. false: there is no memory, and nothing has changed.
  bool Add(int64_t key, uint64_t hash, NodeWord first);

  // Makes `first` the first node of a chain: kNoNode where the key has no row any more.
  void Publish(std::atomic<NodeWord>* entry, uint64_t hash, NodeWord first);

  // visit(key, hash, entry) for every entry of a stripe, also of those whose chain is kNoNode. It may Publish, not Add.
  template <typename Visit>
  void ForEach(int stripe, const Visit& visit) {
    const Array array = ArrayOf(stripe);
    for (Entry* entry = array.entries; entry != array.entries + array.size; ++entry) {
      if (entry->first.load(std::memory_order_relaxed) == kEmptyEntry) continue;
      const int64_t key = entry->key.load(std::memory_order_relaxed);
      visit(key, HashOf(key), &entry->first);
    }
  }

  // Frees arrays that nobody can be reading any more.
  void Collect();
  bool settled() const { return old_.empty(); }  // none waits for that

  size_t keys() const;            // whose chain has a node
  size_t bytes_used() const;      // of the stripes' arrays
  size_t bytes_reserved() const;  // held from the system: the same, old arrays and what is left between them

 private:
  struct Entry {
    std::atomic<int64_t> key;
    std::atomic<NodeWord> first;
  };
  struct Array {
    Entry* entries;
    size_t size;
  };
  // An array in one word: the address of its entries, and in the low bits, which are free, the code of their number.
  using Word = uintptr_t;
  static constexpr Word kCodeMask = 0xFF;  // blocks are aligned to 256 bytes
  static constexpr size_t kLine = striping::kLine;
  struct alignas(64) Stripe {
    std::atomic<Word> array{0};
    size_t live = 0;       // entries with a node
    size_t used = 0;       // entries that are not empty
    size_t most_used = 0;  // the array is made anew before there are more
  };
  struct Old {
    Word array;
    uint64_t mark;
  };

  static Array Unpack(Word word) {
    return {reinterpret_cast<Entry*>(word & ~kCodeMask), striping::SizeOf(static_cast<int>(word & kCodeMask))};
  }
  Array ArrayOf(int stripe) const { return Unpack(stripes_[stripe].array.load(std::memory_order_seq_cst)); }
  // The first entry of the home line.
  static Entry* HomeOf(const Array& array, uint64_t hash) { return array.entries + striping::HomeOf(hash, array.size); }

  static void Enter(const Array& array, uint64_t hash, int64_t key, NodeWord first);
  static std::atomic<NodeWord>* FindIn(const Array& array, uint64_t hash, int64_t key);
  bool MakeAnew(int stripe);
  void Give(Word array);

  // The array of a stripe that has none: never written, always empty.
  static Entry nothing_[16];

  Readers* const readers_;
  std::array<Stripe, kStripes> stripes_;
  IndexMemory memory_;
  std::deque<Old> old_;
};

// Each line without a branch that depends on the place of the key in it. Nodes are read before keys: where a node is
// there, its key is too. Entries are filled in order, so behind an empty one there is nothing.
inline std::atomic<NodeWord>* RowIndex::FindIn(const Array& array, uint64_t hash, int64_t key) {
  for (Entry* line = HomeOf(array, hash);;) {
    unsigned found = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < kLine; ++i) {
      const bool used = line[i].first.load(std::memory_order_seq_cst) != kEmptyEntry;
      const bool same = line[i].key.load(std::memory_order_relaxed) == key;
      found |= static_cast<unsigned>(used & same) << i;
    }
    if (found != 0) return &line[__builtin_ctz(found)].first;
    if (line[kLine - 1].first.load(std::memory_order_seq_cst) == kEmptyEntry) return nullptr;
    line += kLine;
    if (line == array.entries + array.size) line = array.entries;
  }
}

}  // namespace tandem::serving
