// Where the row of a key is: 64 stripes of open addressing that are read without a lock.
//
// Memory:  a stripe's array has 16-byte entries {key, handle}, four to a cache line, filled up to a share that differs
//          from stripe to stripe (0.52 to 0.62), and grows by a quarter to a seventh, so that stripes grow one at a
//          time and never many in one call; 31 bytes a key, about, at any size. The upper bits of the mixed key are the
//          stripe, the next ones in proportion the home line in it, then line after line; so a larger array is written
//          in the order in which the smaller one is read, and of twenty keys nineteen are in their home line. Every int64 is a
//          valid key: an entry without one is told by its handle.
// Threads: Find and Prefetch from any thread inside a Readers::Call. Writers hold the stripe's mutex. An entry goes
//          empty -> live -> dead and is never written again in its array, so a reader needs no second look; growth, or
//          many dead entries, make a new array and publish it with one store, and the old one is used again when all
//          calls in flight have left.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/handle.h"
#include "core/index_memory.h"
#include "core/readers.h"
#include "core/striping.h"

namespace tandem {

class StripedIndex {
  struct Entry;

 public:
  static constexpr int kStripes = striping::kStripes;

  // `readers` outlives the index.
  explicit StripedIndex(Readers* readers);
  ~StripedIndex();
  StripedIndex(const StripedIndex&) = delete;
  StripedIndex& operator=(const StripedIndex&) = delete;

  static uint64_t HashOf(int64_t key) { return striping::HashOf(key); }
  static int StripeOf(uint64_t hash) { return striping::StripeOf(hash); }

  size_t size() const;
  size_t bytes_used() const;      // of the stripes' arrays
  size_t bytes_reserved() const;  // held from the system: the same, old arrays and what is left between them

  // Bytes that the arrays of so many mixed keys do not exceed, also after others were erased.
  static size_t BytesFor(size_t keys);

  // Where a key is looked for first; good for one Readers::Call.
  class Home {
    friend class StripedIndex;
    const Entry* line;
  };

  // Brings the home of a key into the cache.
  Home Prefetch(int64_t key) const {
    const uint64_t hash = HashOf(key);
    Home home;
    home.line = HomeOf(ViewOf(stripes_[StripeOf(hash)].array.load(std::memory_order_seq_cst)), hash);
    __builtin_prefetch(home.line);
    return home;
  }

  // The handle of a key, or kNoHandle. Keys that are entered after Prefetch may be missed.
  int64_t Find(int64_t key, Home home) const;
  int64_t Find(int64_t key) const {
    const uint64_t hash = HashOf(key);
    return FindIn(ViewOf(stripes_[StripeOf(hash)].array.load(std::memory_order_seq_cst)), hash, key);
  }

  // How many keys have been entered into a stripe. While it stays the same, a key that Find did not find is not there.
  uint64_t entered(int stripe) const { return stripes_[stripe].entered.load(std::memory_order_acquire); }

  // Held around Insert and around what must see no other writer of the stripe.
  std::mutex& mutex(int stripe) const { return stripes_[stripe].mutex; }

  // Makes sure that one more Insert into the stripe needs no memory. The caller holds the stripe's mutex. Throws
  // std::bad_alloc, and nothing has changed.
  void MakeRoom(int stripe);

  // Enters a key that Find does not find, after MakeRoom, under the stripe's mutex. `handle` is published with release,
  // so write the row before.
  void Insert(int64_t key, int64_t handle);

  // Takes a key out; returns its handle, or kNoHandle if there was none. Takes the stripe's mutex itself.
  int64_t Erase(int64_t key);

  // Takes every key out. Takes the mutexes itself.
  void Clear();

  // Gives back arrays that nobody can be reading any more; at once if there are none, or if another thread is at it.
  void Collect();

 private:
  // What is stored is handle + 1, so that memory of zeros is an array of empty entries.
  struct Entry {
    std::atomic<int64_t> key;
    std::atomic<int64_t> stored;
  };
  // An array in one word: the address of its entries, and in the low bits, which are free, the code of their number.
  using Word = uintptr_t;
  struct View {
    Entry* entries;
    size_t size;
  };
  static constexpr Word kCodeMask = 0xFF;  // blocks are aligned to 256 bytes
  static constexpr size_t kLine = striping::kLine;
  static constexpr int64_t kEmpty = 0;  // as stored: no handle
  static constexpr int64_t kDead = -1;  // as stored: a handle that no row has
  struct alignas(64) Stripe {
    std::atomic<Word> array{0};
    std::atomic<size_t> live{0};
    std::atomic<uint64_t> entered{0};
    size_t used = 0;       // entries that are not empty; the writer's
    size_t most_used = 0;  // the array is made anew before there are more
    mutable std::mutex mutex;
  };
  struct Old {
    Word array;
    uint64_t mark;
  };

  static View ViewOf(Word word) {
    return {reinterpret_cast<Entry*>(word & ~kCodeMask), striping::SizeOf(static_cast<int>(word & kCodeMask))};
  }
  // The first entry of the home line.
  static Entry* HomeOf(const View& view, uint64_t hash) { return view.entries + striping::HomeOf(hash, view.size); }
  // Modulo 2^64, since the greatest handle is the greatest int64.
  static int64_t Stored(int64_t handle) { return static_cast<int64_t>(static_cast<uint64_t>(handle) + 1); }
  static int64_t HandleOf(int64_t stored) { return static_cast<int64_t>(static_cast<uint64_t>(stored) - 1); }

  static int64_t FindIn(const View& view, uint64_t hash, int64_t key);
  static void Enter(const View& view, uint64_t hash, int64_t key, int64_t stored);

  void MakeAnew(int stripe, size_t more);
  void Shrink(int stripe);
  void Replace(Stripe& stripe, Word word, size_t most_used);
  void CollectLocked();
  void Give(Word array);

  // The array of a stripe that has none: never written, always empty.
  static Entry nothing_[16];

  Readers* const readers_;
  std::array<Stripe, kStripes> stripes_;
  IndexMemory memory_;

  std::mutex old_mutex_;  // guards old_
  std::vector<Old> old_;
  std::atomic<bool> has_old_{false};
};

// Nearly every key is in its home line, and nearly none was erased there before, which would set all bits: the others are
// looked for from the beginning. Without a branch that depends on the place of the key, as below.
inline int64_t StripedIndex::Find(int64_t key, Home home) const {
  const Entry* line = home.line;
  int64_t found = kEmpty;
#pragma GCC unroll 4
  for (size_t i = 0; i < kLine; ++i) {
    const int64_t stored = line[i].stored.load(std::memory_order_seq_cst);
    const int64_t same = line[i].key.load(std::memory_order_relaxed) == key;
    found |= stored & -same;
  }
  if (__builtin_expect(found != kEmpty && found != kDead, 1)) return HandleOf(found);
  if (found == kEmpty && line[kLine - 1].stored.load(std::memory_order_seq_cst) == kEmpty) return kNoHandle;
  return Find(key);
}

// Each line without a branch that depends on the place of the key in it: at most one live entry has the key, so what
// matches is the bitwise sum of all. Handles are read before keys: where a handle is there, its key is too. Entries are
// filled in order, so behind an empty one there is nothing.
inline int64_t StripedIndex::FindIn(const View& view, uint64_t hash, int64_t key) {
  for (Entry* line = HomeOf(view, hash);;) {
    int64_t found = kEmpty;
#pragma GCC unroll 4
    for (size_t i = 0; i < kLine; ++i) {
      const int64_t stored = line[i].stored.load(std::memory_order_seq_cst);
      const int64_t same = line[i].key.load(std::memory_order_relaxed) == key;
      const int64_t alive = stored != kDead;
      found |= stored & -(same & alive);
    }
    if (found != kEmpty) return HandleOf(found);
    if (line[kLine - 1].stored.load(std::memory_order_seq_cst) == kEmpty) return kNoHandle;
    line += kLine;
    if (line == view.entries + view.size) line = view.entries;
  }
}

}  // namespace tandem
