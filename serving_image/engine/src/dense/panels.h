// A dense layer as the loops of panel_kernel.cc and sparse_panels.cc see it.
//
// Memory:  the weights, padded to whole panels, and the bias are the owner's.
// Threads: values.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <limits>

#include "dense/arithmetic.h"

namespace tandem::serving {

inline constexpr size_t kColumns = 16;  // of a panel: two vectors

inline size_t Panels(size_t out) { return (out + kColumns - 1) / kColumns; }

// One layer, or the inputs of one from `first` on.
struct Product {
  size_t first, in, out;
  const float* weights;  // of `first`
  size_t panel;          // floats from panel to panel
  const float* bias;
  bool relu;
};

// What sums are at least.
inline __m256 Least(bool relu) { return _mm256_set1_ps(relu ? 0.0f : -std::numeric_limits<float>::infinity()); }

// How every sum ends: at least `least`, NaN stays NaN, and no zero has a sign, which would tell of the steps before it.
inline __m256 FinishSum(__m256 sum, __m256 least) {
  // max(least, NaN) is NaN in this order of arguments.
  return _mm256_max_ps(least, _mm256_add_ps(sum, _mm256_setzero_ps()));
}

inline In RowsFrom(In x, size_t row) { return {x.data + row * x.stride, x.stride}; }
inline Out RowsFrom(Out y, size_t row) { return {y.data + row * y.stride, y.stride}; }

}  // namespace tandem::serving
