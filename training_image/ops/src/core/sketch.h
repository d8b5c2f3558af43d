// How often an id came and when first, for ids without a row, in a fixed number of bytes.
//
// Memory:  lines of 64 bytes, each 8 entries of {fingerprint 12 bits, count 20, first seen 32}; a word of 0 is empty. Every
//          stripe has the same number of lines and every id one line, so an occurrence touches one cache line. Zeroed
//          pages of the system: what no id reached costs nothing yet. bytes() counts all.
// Threads: a stripe belongs to whoever holds its mutex; Prefetch may be called by anyone.
//
// A full line gives up the entry with the lowest rate so far, so what is forgotten is what is least likely to matter; an
// exact count of it would begin anew. Two ids of a line share a fingerprint, and so a count, once in 4096. Ageing: an
// entry older than `memory` ticks keeps its rate but stands for the last `memory` ticks only; one whose count that leaves
// with nothing is new.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "core/random.h"

namespace tandem {

class Sketch {
 public:
  static constexpr uint32_t kMostCount = (1u << 20) - 1;
  static constexpr size_t kLine = 8;

  struct Seen {
    uint32_t count;       // this occurrence included; stays at kMostCount
    uint32_t first_seen;  // of the count
    uint64_t* place;      // for Erase, until the next call on this stripe
  };

  // Whole lines of `bytes`, the same number for every stripe and at least one; none at all for 0.
  Sketch(size_t bytes, int stripes);

  size_t bytes() const { return words() == 0 ? 0 : words() * sizeof(uint64_t) + 64; }
  size_t words() const { return stripe_words_ * stripes_; }
  size_t stripe_words() const { return stripe_words_; }
  uint64_t* Stripe(int stripe) { return lines_ + stripe_words_ * stripe; }
  const uint64_t* Stripe(int stripe) const { return lines_ + stripe_words_ * stripe; }

  void Prefetch(int stripe, int64_t key) const {
    const auto* line = LineOf(stripe, Hash(key));
    __builtin_prefetch(line, 1);
    asm volatile("" : : "r"(line));  // or g++ takes this for a function without effect, and calls of it away
  }

  // One more occurrence; `memory` 0: no ageing.
  Seen Count(int stripe, int64_t key, uint32_t time, uint32_t memory);

  // Whether a word can stand in a line.
  static bool IsEntry(uint64_t word) { return word == 0 || (word >> 32 & kMostCount) != 0; }

  static void Erase(const Seen& seen) { *seen.place = 0; }
  void Forget(int stripe, int64_t key);

 private:
  struct Release {
    void operator()(void* memory) const { std::free(memory); }
  };

  // Apart from the hash that chose the stripe, so that the ids of a stripe fill all its lines.
  static uint64_t Hash(int64_t key) { return Mix64(static_cast<uint64_t>(key) * 0xD6E8FEB86659FD93ULL + kGolden); }
  uint64_t* LineOf(int stripe, uint64_t hash) const {
    const auto line = static_cast<size_t>((hash >> 32) * (stripe_words_ / kLine) >> 32);
    return lines_ + stripe_words_ * stripe + line * kLine;
  }

  const size_t stripes_;
  const size_t stripe_words_;
  std::unique_ptr<void, Release> memory_;
  uint64_t* lines_ = nullptr;  // in memory_, aligned to a cache line
};

}  // namespace tandem
