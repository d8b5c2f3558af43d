// Copies of a row's values that another thread may be writing.
//
// Memory:  `dim` floats of a row, aligned to 8 bytes; the other side is memory of the caller alone.
// Threads: LoadRow and StoreRow may run at the same time on the same row: no data race and no torn float, but the copy
//          may mix elements of two steps. Two StoreRows on a row need a lock (the table's step mutex).
//
// Relaxed atomic moves of 8 bytes, the last float of an odd row by 4. They compile to plain moves; what they take from
// the compiler is the right to merge, repeat or invent accesses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tandem {

namespace row_copy_internal {

// Floats seen as integers: the attribute tells the compiler that these may be the same memory.
using Two = uint64_t __attribute__((may_alias));
using One = uint32_t __attribute__((may_alias));

}  // namespace row_copy_internal

inline void LoadRow(const float* row, int dim, float* out) {
  const auto* from = reinterpret_cast<const row_copy_internal::Two*>(row);
  const size_t twos = static_cast<size_t>(dim) / 2;
#pragma GCC unroll 8  // the compiler leaves loops of atomic moves as they are
  for (size_t i = 0; i < twos; ++i) {
    const uint64_t two = __atomic_load_n(from + i, __ATOMIC_RELAXED);
    std::memcpy(out + 2 * i, &two, sizeof(two));
  }
  if (dim % 2 != 0) {
    const auto* last = reinterpret_cast<const row_copy_internal::One*>(row + dim - 1);
    const uint32_t one = __atomic_load_n(last, __ATOMIC_RELAXED);
    std::memcpy(out + dim - 1, &one, sizeof(one));
  }
}

inline void StoreRow(float* row, int dim, const float* values) {
  auto* to = reinterpret_cast<row_copy_internal::Two*>(row);
  const size_t twos = static_cast<size_t>(dim) / 2;
#pragma GCC unroll 8
  for (size_t i = 0; i < twos; ++i) {
    uint64_t two;
    std::memcpy(&two, values + 2 * i, sizeof(two));
    __atomic_store_n(to + i, two, __ATOMIC_RELAXED);
  }
  if (dim % 2 != 0) {
    uint32_t one;
    std::memcpy(&one, values + dim - 1, sizeof(one));
    __atomic_store_n(reinterpret_cast<row_copy_internal::One*>(row + dim - 1), one, __ATOMIC_RELAXED);
  }
}

}  // namespace tandem
