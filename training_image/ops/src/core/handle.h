// What a lookup returns beside a row's values, so that the step need not hash the id again.
//
// Memory:  one int64: generation in the upper 32 bits, row number in the lower.
// Threads: values.
//
// A place changes generation when its row is removed, and tables start at different generations, so that an old or
// foreign handle is refused. kNoRow and kNoHandle stand for "no row"; no row has them, since row
// numbers stay below 2^32 - 1.
#pragma once

#include <cstdint>

namespace tandem {

inline constexpr uint32_t kNoRow = 0xFFFFFFFFu;
inline constexpr int64_t kNoHandle = -1;

inline int64_t MakeHandle(uint32_t row, uint32_t generation) {
  return static_cast<int64_t>((static_cast<uint64_t>(generation) << 32) | row);
}
inline uint32_t RowOf(int64_t handle) { return static_cast<uint32_t>(handle & 0xFFFFFFFF); }
inline uint32_t GenerationOf(int64_t handle) { return static_cast<uint32_t>(static_cast<uint64_t>(handle) >> 32); }

}  // namespace tandem
