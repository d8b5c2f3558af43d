// Random numbers that are functions of (seed, key, position) and of nothing else.
//
// Memory:  8 bytes, held by value; no table of state.
// Threads: pure; any thread may draw, streams share nothing.
//
// The generator is SplitMix64 (Steele, Lea, Flood 2014): position n of the stream that starts at s is
// Mix64(s + n * golden). The start of a key's stream is Mix64(Mix64(seed + golden) ^ key), so neighbouring keys and
// seeds have unrelated streams. Only integer arithmetic: the same bits on every machine. The numbers are part of the
// contract (a row must be the same wherever it is born); golden tests hold them.
#pragma once

#include <cstdint>

namespace tandem {

inline constexpr uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

// The finaliser of SplitMix64: a bijection of 64 bits in which every input bit moves every output bit.
inline uint64_t Mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

class KeyedStream {
 public:
  KeyedStream(uint64_t seed, int64_t key) : state_(Mix64(Mix64(seed + kGolden) ^ static_cast<uint64_t>(key))) {}

  uint64_t Next() { return Mix64(state_ += kGolden); }

  // Uniform over the 2^53 multiples of 2^-53 in [0, 1).
  double NextUnit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace tandem
