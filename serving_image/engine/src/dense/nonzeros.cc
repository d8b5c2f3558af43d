#include "dense/nonzeros.h"

#include <immintrin.h>

#include <algorithm>
#include <array>

namespace tandem::serving {
namespace {

constexpr size_t kLanes = 8;

// By mask, the lanes whose bits are set, first to last.
struct Lanes {
  constexpr Lanes() {
    for (size_t mask = 0; mask < of.size(); ++mask) {
      size_t count = 0;
      for (size_t lane = 0; lane < kLanes; ++lane) {
        if ((mask >> lane & 1) != 0) of[mask][count++] = static_cast<uint8_t>(lane);
      }
    }
  }

  std::array<std::array<uint8_t, kLanes>, 256> of = {};
};

constexpr Lanes kLanesSet;

// Floats from `column` on, zeros beyond the row's end.
__m256 Load(const float* row, size_t column, size_t width) {
  if (column + kLanes <= width) return _mm256_loadu_ps(row + column);
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i there = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(width - column)), lanes);
  return _mm256_maskload_ps(row + column, there);
}

unsigned Mask(__m256 floats) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(floats, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
}

// Appends what is not zero in columns from … to - 1; writes eight places at a time.
Nonzero* Append(const float* row, size_t from, size_t to, Nonzero* out) {
  __m256i columns =
      _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(from)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  for (size_t column = from; column < to; column += kLanes) {
    const __m256 floats = Load(row, column, to);
    const unsigned mask = Mask(floats);
    const __m256i lanes =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kLanesSet.of[mask].data())));
    const __m256 values = _mm256_permutevar8x32_ps(floats, lanes);
    const __m256 at = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(columns, lanes));
    const __m256 low = _mm256_unpacklo_ps(values, at), high = _mm256_unpackhi_ps(values, at);
    auto* to_floats = reinterpret_cast<float*>(out);
    _mm256_storeu_ps(to_floats, _mm256_permute2f128_ps(low, high, 0x20));
    _mm256_storeu_ps(to_floats + kLanes, _mm256_permute2f128_ps(low, high, 0x31));
    out += __builtin_popcount(mask);
    columns = _mm256_add_epi32(columns, _mm256_set1_epi32(kLanes));
  }
  return out;
}

}  // namespace

Nonzeros::Nonzeros(size_t rows, size_t width)
    : found_(rows * width + kLanes), ends_(rows * ((width + kChunk - 1) / kChunk) + 1) {}

void Nonzeros::Take(size_t rows, size_t width, In matrix) {
  chunks_ = (width + kChunk - 1) / kChunk;
  Nonzero* out = found_.data();
  uint32_t* end = ends_.data();
  for (size_t r = 0; r < rows; ++r) {
    const float* row = matrix.data + r * matrix.stride;
    for (size_t from = 0; from < width; from += kChunk) {
      out = Append(row, from, std::min(width, from + kChunk), out);
      *++end = static_cast<uint32_t>(out - found_.data());
    }
  }
}

size_t CountNonzeros(size_t width, const float* row) {
  size_t count = 0;
  for (size_t column = 0; column < width; column += kLanes) {
    count += static_cast<size_t>(__builtin_popcount(Mask(Load(row, column, width))));
  }
  return count;
}

}  // namespace tandem::serving
