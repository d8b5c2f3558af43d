// The floating-point mode in which the core computes, whatever the calling thread was set to.
//
// Memory:  the caller's control word, on the stack.
// Threads: the mode belongs to a thread; construct and destroy on the same one.
//
// TensorFlow's worker threads flush denormal numbers to zero and its main thread does not, so the same step gave other
// bits eagerly than inside a tf.function. Inside this scope the mode is IEEE 754's default: round to nearest, denormals
// kept, no traps.
#pragma once

#include <xmmintrin.h>

namespace tandem {

class IeeeScope {
 public:
  IeeeScope() : outer_(_mm_getcsr()) { _mm_setcsr(kDefault); }
  ~IeeeScope() { _mm_setcsr(outer_); }
  IeeeScope(const IeeeScope&) = delete;
  IeeeScope& operator=(const IeeeScope&) = delete;

 private:
  static constexpr unsigned kDefault = 0x1F80;
  const unsigned outer_;
};

}  // namespace tandem
