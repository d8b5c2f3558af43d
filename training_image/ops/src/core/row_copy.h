// Copies of a row's values that another thread may be writing.
//
// Memory:  `dim` floats of a row, aligned to 8 bytes; the other side is memory of the caller alone.
// Threads: LoadRow and StoreRow may run at the same time on the same row: no data race and no torn float, but the copy
//          may mix elements of two steps. Two StoreRows on a row need a lock (the table's step mutex).
//
// Relaxed atomic moves of 8 bytes, the last float of an odd row by 4. They compile to plain moves; what they take from
// the compiler is the right to merge, repeat or invent accesses. Eight floats at a time go by one move of 32 bytes, for
// which C++ has no atomic: the processor moves aligned floats whole, whatever a move's width. Sanitizers do not see those,
// so in their builds all goes by 8 bytes.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tandem {

namespace row_copy_internal {

// Floats seen as integers: the attribute tells the compiler that these may be the same memory.
using Two = uint64_t __attribute__((may_alias));
using One = uint32_t __attribute__((may_alias));

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kWide = 0;
inline void Load8(const float*, float*) {}
inline void Store8(float*, const float*) {}
#else
constexpr int kWide = 8;

struct Eight {
  float values[kWide];
};

inline void Load8(const float* row, float* out) {
  __m256 eight;
  asm volatile("vmovups %1, %0" : "=x"(eight) : "m"(*reinterpret_cast<const Eight*>(row)));
  _mm256_storeu_ps(out, eight);
}

inline void Store8(float* row, const float* values) {
  asm volatile("vmovups %1, %0" : "=m"(*reinterpret_cast<Eight*>(row)) : "x"(_mm256_loadu_ps(values)));
}
#endif

// How many of the floats go by eights.
constexpr int InEights(int dim) { return kWide == 0 ? 0 : dim / 8 * 8; }

}  // namespace row_copy_internal

inline void LoadRow(const float* row, int dim, float* out) {
  const int wide = row_copy_internal::InEights(dim);
  for (int z = 0; z < wide; z += 8) row_copy_internal::Load8(row + z, out + z);
  int z = wide;
#pragma GCC unroll 8  // the compiler leaves loops of atomic moves as they are
  for (; z + 2 <= dim; z += 2) {
    const uint64_t two = __atomic_load_n(reinterpret_cast<const row_copy_internal::Two*>(row + z), __ATOMIC_RELAXED);
    std::memcpy(out + z, &two, sizeof(two));
  }
  if (z < dim) {
    const uint32_t one = __atomic_load_n(reinterpret_cast<const row_copy_internal::One*>(row + z), __ATOMIC_RELAXED);
    std::memcpy(out + z, &one, sizeof(one));
  }
}

inline void StoreRow(float* row, int dim, const float* values) {
  const int wide = row_copy_internal::InEights(dim);
  for (int z = 0; z < wide; z += 8) row_copy_internal::Store8(row + z, values + z);
  int z = wide;
#pragma GCC unroll 8
  for (; z + 2 <= dim; z += 2) {
    uint64_t two;
    std::memcpy(&two, values + z, sizeof(two));
    __atomic_store_n(reinterpret_cast<row_copy_internal::Two*>(row + z), two, __ATOMIC_RELAXED);
  }
  if (z < dim) {
    uint32_t one;
    std::memcpy(&one, values + z, sizeof(one));
    __atomic_store_n(reinterpret_cast<row_copy_internal::One*>(row + z), one, __ATOMIC_RELAXED);
  }
}

}  // namespace tandem
