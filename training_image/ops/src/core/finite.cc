#include "core/finite.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace tandem {
namespace {

constexpr size_t kBlock = 256;  // without an early exit, so that it becomes vector code

bool AnyNotFinite(const float* values, size_t size) {
  uint32_t any = 0;
  for (size_t i = 0; i < size; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    any |= (bits & 0x7FFFFFFFu) > 0x7F7FFFFFu ? 1u : 0u;
  }
  return any != 0;
}

}  // namespace

size_t FirstNotFinite(const float* values, size_t size) {
  for (size_t begin = 0; begin < size; begin += kBlock) {
    const size_t end = std::min(size, begin + kBlock);
    if (!AnyNotFinite(values + begin, end - begin)) continue;
    for (size_t i = begin; i < end; ++i) {
      if (AnyNotFinite(values + i, 1)) return i;
    }
  }
  return size;
}

}  // namespace tandem
