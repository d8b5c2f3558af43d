// Eight floats at a time, and rows of any dim as vectors of eight.
//
// Memory:  a row of dim floats is ceil(dim / 8) vectors; the lanes past its end read 0 and are never written, so a row
//          needs no padding and no alignment.
// Threads: values.
//
// Eight rows are taken at once where a row's step is a chain of dependent sums, roots and divisions: the chains run side
// by side, one row per lane. A row's bits do not depend on its companions.
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

inline __m128 SumHalves(F8 a) { return _mm256_castps256_ps128(a) + _mm256_extractf128_ps(a, 1); }

inline __m128 SumEachOfFour(const F8* rows) {
  const __m128 a = SumHalves(rows[0]), b = SumHalves(rows[1]), c = SumHalves(rows[2]), d = SumHalves(rows[3]);
  const __m128 ab = _mm_movelh_ps(a, b) + _mm_movehl_ps(b, a);
  const __m128 cd = _mm_movelh_ps(c, d) + _mm_movehl_ps(d, c);
  return _mm_shuffle_ps(ab, cd, _MM_SHUFFLE(2, 0, 2, 0)) + _mm_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 1, 3, 1));
}

// The sums of the lanes of eight vectors, one in each lane; each the same tree whatever is beside it.
inline F8 SumEach(const F8 (&rows)[kLanes]) { return _mm256_setr_m128(SumEachOfFour(rows), SumEachOfFour(rows + 4)); }

// The lanes one by one.
class PerRow {
 public:
  explicit PerRow(F8 lanes) { _mm256_store_ps(of_, lanes); }
  float operator[](int row) const { return of_[row]; }

 private:
  alignas(32) float of_[kLanes];
};

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
      : whole_(dim / kLanes),
        rest_(dim % kLanes),
        mask_(_mm256_cmpgt_epi32(_mm256_set1_epi32(rest_), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}

  int vectors() const { return whole_ + (rest_ > 0 ? 1 : 0); }
  F8 Load(const float* row, int v) const {
    return v < whole_ ? _mm256_loadu_ps(row + v * kLanes) : _mm256_maskload_ps(row + v * kLanes, mask_);
  }
  void Store(float* row, int v, F8 value) const {
    if (v < whole_) {
      _mm256_storeu_ps(row + v * kLanes, value);
    } else {
      StoreRest(row + v * kLanes, value);
    }
  }

 private:
  // In pieces: a masked store is microcode on some CPUs.
  void StoreRest(float* to, F8 value) const {
    __m128 part = _mm256_castps256_ps128(value);
    if (rest_ & 4) {
      _mm_storeu_ps(to, part);
      part = _mm256_extractf128_ps(value, 1);
      to += 4;
    }
    if (rest_ & 2) {
      _mm_storel_pi(reinterpret_cast<__m64*>(to), part);
      part = _mm_movehl_ps(part, part);
      to += 2;
    }
    if (rest_ & 1) _mm_store_ss(to, part);
  }

  int whole_, rest_;
  __m256i mask_;
};

}  // namespace tandem
