// The one clock of deadlines and of metrics: it never jumps.
//
// Memory:  none.
// Threads: any.
#pragma once

#include <chrono>
#include <cstdint>

namespace tandem::serving::door {

using Clock = std::chrono::steady_clock;

inline int64_t Nanoseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace tandem::serving::door
