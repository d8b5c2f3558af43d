// Where the entry of a key lies in 64 stripes of open addressing: what the indexes of training and of serving share.
//
// Memory:  none; it only counts. Entries lie in lines of four, a cache line of 16-byte entries. The upper bits of the
//          mixed key are the stripe, the next ones in proportion the home line in its array; so a larger array is written
//          in the order in which the smaller one is read.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/random.h"

namespace tandem::striping {

inline constexpr int kStripeBits = 6;
inline constexpr int kStripes = 1 << kStripeBits;
inline constexpr size_t kLine = 4;      // entries
inline constexpr int kFewest = 2 << 2;  // the code of 16 entries, the smallest array

inline uint64_t HashOf(int64_t key) { return Mix64(static_cast<uint64_t>(key) + kGolden); }
inline int StripeOf(uint64_t hash) { return static_cast<int>(hash >> (64 - kStripeBits)); }

// Arrays have 4, 5, 6 or 7 times a power of two entries, so that a larger one is little larger.
inline size_t SizeOf(int code) { return static_cast<size_t>(4 + (code & 3)) << (code >> 2); }

// The place of the first entry of the home line in an array of so many entries.
inline size_t HomeOf(uint64_t hash, size_t entries) {
  const unsigned __int128 place = static_cast<unsigned __int128>(hash << kStripeBits) * (entries / kLine);
  return static_cast<size_t>(place >> 64) * kLine;
}

// How many entries of an array may be in use: shares spread over one growth, so that stripes grow in turn.
size_t MostUsed(int stripe, size_t entries);

// The code of the array with which a stripe of so many keys begins: it has room for an eighth more.
int CodeFor(int stripe, size_t keys);

}  // namespace tandem::striping
