// Where the row of a key is: 64 stripes of open addressing that are read without a lock.
//
// Memory:  a stripe's array has 16-byte entries {key, handle}, filled up to a share that differs from stripe to stripe
//          (0.63 to 0.75), and grows by a quarter to a seventh, so that stripes grow one at a time and never many in
//          one call; 25 bytes a key, about, at any size. The upper bits of the mixed key are the stripe, the next ones
//          in proportion the home in it, then linear probing; so a larger array is written in the order in which the
//          smaller one is read. Every int64 is a valid key: an entry without one is told by its handle.
// Threads: Find and FindMany from any thread inside a Readers::Call. Writers hold the stripe's mutex. An entry goes
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
#include "core/random.h"
#include "core/readers.h"

namespace tandem {

class StripedIndex {
 public:
  static constexpr int kStripeBits = 6;
  static constexpr int kStripes = 1 << kStripeBits;

  // `readers` outlives the index.
  explicit StripedIndex(Readers* readers);
  ~StripedIndex();
  StripedIndex(const StripedIndex&) = delete;
  StripedIndex& operator=(const StripedIndex&) = delete;

  static uint64_t HashOf(int64_t key) { return Mix64(static_cast<uint64_t>(key) + kGolden); }
  static int StripeOf(uint64_t hash) { return static_cast<int>(hash >> (64 - kStripeBits)); }

  size_t size() const;
  size_t bytes_reserved() const;

  // Bytes of the arrays that `keys` evenly spread keys need when none was erased.
  static size_t BytesFor(size_t keys);

  // The handle of a key, or kNoHandle. Inside a Readers::Call.
  int64_t Find(int64_t key) const;

  // The same for many keys, with prefetches ahead.
  void FindMany(const int64_t* keys, size_t size, int64_t* handles) const;

  // Brings the place of a key into the cache, to be written.
  void Prefetch(int64_t key) const;

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

  // Gives back arrays that nobody can be reading any more.
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
  struct alignas(64) Stripe {
    std::atomic<Word> array{0};
    std::atomic<size_t> live{0};
    size_t used = 0;       // entries that are not empty; the writer's
    size_t most_used = 0;  // the array is made anew before there are more
    mutable std::mutex mutex;
  };
  struct Old {
    Word array;
    uint64_t mark;
  };

  static View ViewOf(Word word);
  static size_t MostUsed(int stripe, size_t entries);
  static Entry* HomeOf(const View& view, uint64_t hash);
  static int64_t FindIn(const View& view, uint64_t hash, int64_t key);
  static void Enter(const View& view, uint64_t hash, int64_t key, int64_t stored);

  static int CodeFor(int stripe, size_t keys);
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
};

}  // namespace tandem
