// Where the row of a key is: 64 stripes of open addressing that are read without a lock.
//
// Memory:  a stripe's array has a power of two of 16-byte entries {key, handle}, filled to a share that differs from
//          stripe to stripe (0.4 to 0.8), so that stripes grow one at a time and never many in one call. The upper bits
//          of the mixed key are the stripe, the next ones the home in it, then linear probing; so a larger array is
//          written in the order in which the smaller one is read. Every int64 is a valid key: an entry without one is
//          told by its handle.
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

  // Held around Insert and around what must see no other writer of the stripe.
  std::mutex& mutex(int stripe) const { return stripes_[stripe].mutex; }

  // Enters a key that Find does not find. The caller holds the stripe's mutex; `handle` is published with release, so
  // write the row before.
  void Insert(int64_t key, int64_t handle);

  // Takes a key out; returns its handle, or kNoHandle if there was none. Takes the stripe's mutex itself.
  int64_t Erase(int64_t key);

  // Takes every key out. Takes the mutexes itself.
  void Clear();

 private:
  struct Entry {
    std::atomic<int64_t> key;
    std::atomic<int64_t> handle;
  };
  struct Array {
    Entry* entries;
    int shift;    // home = (hash << kStripeBits) >> shift
    size_t mask;  // entries - 1
    size_t bytes;
  };
  struct alignas(64) Stripe {
    std::atomic<const Array*> array{nullptr};
    mutable std::mutex mutex;
    std::atomic<size_t> live{0};
    size_t used = 0;  // live and dead
  };
  struct Old {
    const Array* array;
    uint64_t mark;
  };

  Readers* const readers_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace tandem
