// Eight floats at a time, and rows of any dim as vectors of eight.
//
// Memory:  a row of dim floats is ceil(dim / 8) vectors; the lanes past its end read 0 and are never written, so a row
//          needs no padding and no alignment.
// Threads: values.
//
// Every operation is IEEE 754's, lane by lane, in the written order, so the bits are those of the same scalar program
// on any CPU. A sum over a row is a fixed tree: lane j adds up elements j, j + 8, j + 16, …; then lanes j and j + 4,
// j and j + 2, j and j + 1.
#pragma once

#include <immintrin.h>

namespace tandem {

using F8 = __m256;  // + - * / are the compiler's own

inline constexpr int kLanes = 8;

inline F8 All(float value) { return _mm256_set1_ps(value); }
inline F8 Root(F8 a) { return _mm256_sqrt_ps(a); }

// s - clamp(s, -l, l): towards 0 by l, exactly +0 within l, NaN where s is.
inline F8 SoftThreshold(F8 s, float l) { return s - _mm256_max_ps(All(-l), _mm256_min_ps(All(l), s)); }

// b where a is above 0, else c.
inline F8 WherePositive(F8 a, F8 b, F8 c) {
  return _mm256_blendv_ps(c, b, _mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ));
}

// The sums of the lanes of a and of b, in lanes 0 and 2.
inline __m128 SumBoth(F8 a, F8 b) {
  const __m128 a4 = _mm256_castps256_ps128(a) + _mm256_extractf128_ps(a, 1);
  const __m128 b4 = _mm256_castps256_ps128(b) + _mm256_extractf128_ps(b, 1);
  const __m128 both = _mm_movelh_ps(a4, b4) + _mm_movehl_ps(b4, a4);
  return both + _mm_movehdup_ps(both);
}

inline float First(__m128 a) { return _mm_cvtss_f32(a); }
inline float Third(__m128 a) { return _mm_cvtss_f32(_mm_movehl_ps(a, a)); }

inline float Sum(F8 a) { return First(SumBoth(a, a)); }

// Rows of exactly kVectors * 8 floats.
template <int kVectors>
struct WholeRow {
  explicit WholeRow(int) {}
  static constexpr int vectors() { return kVectors; }
  static F8 Load(const float* row, int v) { return _mm256_loadu_ps(row + v * kLanes); }
  static void Store(float* row, int v, F8 value) { _mm256_storeu_ps(row + v * kLanes, value); }
};

// Rows of any dim.
class AnyRow {
 public:
  explicit AnyRow(int dim)
      : last_((dim - 1) / kLanes),
        mask_(_mm256_cmpgt_epi32(_mm256_set1_epi32(dim - last_ * kLanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}

  int vectors() const { return last_ + 1; }
  F8 Load(const float* row, int v) const {
    return v < last_ ? _mm256_loadu_ps(row + v * kLanes) : _mm256_maskload_ps(row + v * kLanes, mask_);
  }
  void Store(float* row, int v, F8 value) const {
    if (v < last_) {
      _mm256_storeu_ps(row + v * kLanes, value);
    } else {
      _mm256_maskstore_ps(row + v * kLanes, mask_, value);
    }
  }

 private:
  int last_;
  __m256i mask_;
};

}  // namespace tandem
