// The upper half of a float, rounded to the nearest, ties to even.
//
// Memory:  reads and writes the caller's.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dense/arithmetic.h"

namespace tandem::serving {

// NaN stays NaN; what is too large becomes infinite.
inline uint16_t ToBfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  // A quiet NaN keeps a bit in the half that stays.
  const uint32_t rounded = nan ? bits | 0x400000 : bits + 0x7fff + ((bits >> 16) & 1);
  return static_cast<uint16_t>(rounded >> 16);
}

// Rows into a matrix without gaps.
inline void RowsToBfloat16(size_t rows, size_t width, In in, uint16_t* out) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < width; ++i) out[r * width + i] = ToBfloat16(in.data[r * in.stride + i]);
  }
}

}  // namespace tandem::serving
