// XXH64 (Yann Collet's xxHash, 64-bit variant): the fingerprint of string ids.
//
// Memory:  reads each input byte once, from any alignment; allocates nothing.
// Threads: pure.
//
// Seed 0 over the raw bytes, taken as a two's complement int64, is the key of a string id. This is a contract with
// every stored table: it never changes, and golden values hold it (src/core/tests and tests/ops). Written for
// little-endian machines, as the specification reads its lanes; the build refuses others. Some two of n different ids
// share a key with probability about n^2 / 2^65: 10^-6 at six million ids, a quarter of a per cent at three hundred
// million.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace tandem {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "XXH64 here reads little-endian lanes");

namespace xxh64_internal {

inline constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87ULL;
inline constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FULL;
inline constexpr uint64_t kPrime3 = 0x165667B19E3779F9ULL;
inline constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63ULL;
inline constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5ULL;

inline uint64_t Rotate(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

template <typename Lane>
Lane Read(const unsigned char* p) {
  Lane lane;
  std::memcpy(&lane, p, sizeof(lane));
  return lane;
}

inline uint64_t Round(uint64_t acc, uint64_t lane) { return Rotate(acc + lane * kPrime2, 31) * kPrime1; }

inline uint64_t MergeRound(uint64_t hash, uint64_t acc) { return (hash ^ Round(0, acc)) * kPrime1 + kPrime4; }

// The four lanes of 32-byte stripes; moves `p` behind the last whole stripe.
inline uint64_t Stripes(const unsigned char*& p, const unsigned char* end, uint64_t seed) {
  uint64_t a = seed + kPrime1 + kPrime2, b = seed + kPrime2, c = seed, d = seed - kPrime1;
  for (; end - p >= 32; p += 32) {
    a = Round(a, Read<uint64_t>(p));
    b = Round(b, Read<uint64_t>(p + 8));
    c = Round(c, Read<uint64_t>(p + 16));
    d = Round(d, Read<uint64_t>(p + 24));
  }
  uint64_t hash = Rotate(a, 1) + Rotate(b, 7) + Rotate(c, 12) + Rotate(d, 18);
  for (uint64_t acc : {a, b, c, d}) hash = MergeRound(hash, acc);
  return hash;
}

}  // namespace xxh64_internal

inline uint64_t Xxh64(const void* data, size_t size, uint64_t seed = 0) {
  using namespace xxh64_internal;
  // A null pointer may come with size 0; arithmetic on it is undefined, so an empty input has its own place.
  static constexpr unsigned char kNothing = 0;
  const auto* p = size == 0 ? &kNothing : static_cast<const unsigned char*>(data);
  const unsigned char* end = p + size;
  uint64_t hash = size >= 32 ? Stripes(p, end, seed) : seed + kPrime5;
  hash += size;
  for (; end - p >= 8; p += 8) {
    hash = Rotate(hash ^ Round(0, Read<uint64_t>(p)), 27) * kPrime1 + kPrime4;
  }
  if (end - p >= 4) {
    hash = Rotate(hash ^ (Read<uint32_t>(p) * kPrime1), 23) * kPrime2 + kPrime3;
    p += 4;
  }
  for (; p < end; ++p) hash = Rotate(hash ^ (*p * kPrime5), 11) * kPrime1;
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

}  // namespace tandem
