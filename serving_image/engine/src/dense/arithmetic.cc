#include "dense/arithmetic.h"

#include <cstdint>
#include <cstring>

namespace tandem::serving {
namespace {

template <typename Function>
void Pairs(size_t rows, size_t width, In a, Operand b, Out out, Function function) {
  for (size_t r = 0; r < rows; ++r) {
    const float* x = a.data + r * a.stride;
    const float* y = b.data + r * b.stride;
    float* z = out.data + r * out.stride;
    if (b.wide) {
      for (size_t i = 0; i < width; ++i) z[i] = function(x[i], y[i]);
    } else {
      const float one = *y;
      for (size_t i = 0; i < width; ++i) z[i] = function(x[i], one);
    }
  }
}

template <typename Function>
void Singles(size_t rows, size_t width, In in, Out out, Function function) {
  for (size_t r = 0; r < rows; ++r) {
    const float* x = in.data + r * in.stride;
    float* z = out.data + r * out.stride;
    for (size_t i = 0; i < width; ++i) z[i] = function(x[i]);
  }
}

// e^x for x <= 0 to two units in the last place, in a form that compilers make vectors of: x = n ln 2 + r, a polynomial
// in r (Cephes, expf), n put into the exponent.
inline float ExpOfNegative(float x) {
  constexpr float kLeast = -87.0f;          // e^-87 is still a normal number
  constexpr float kRound = 12582912.0f;     // 1.5 * 2^23: adding it leaves the nearest whole number in the low bits
  constexpr float kLn2High = 0.693359375f;  // few bits, so that n * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4f;
  x = x < kLeast ? kLeast : x;
  const float rounded = x * 1.44269504f + kRound;
  const float n = rounded - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  uint32_t bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  bits = (bits + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

inline float SigmoidOf(float x) {
  const float e = ExpOfNegative(x < 0 ? x : -x);
  const float whole = 1.0f / (1.0f + e);
  return x < 0 ? e * whole : whole;
}

}  // namespace

void CopyRows(size_t rows, size_t width, In in, Out out) {
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(out.data + r * out.stride, in.data + r * in.stride, width * sizeof(float));
  }
}

void AddRows(size_t rows, size_t width, In a, Operand b, Out out) {
  Pairs(rows, width, a, b, out, [](float x, float y) { return x + y; });
}

void MulRows(size_t rows, size_t width, In a, Operand b, Out out) {
  Pairs(rows, width, a, b, out, [](float x, float y) { return x * y; });
}

void ReluRows(size_t rows, size_t width, In in, Out out) {
  Singles(rows, width, in, out, [](float x) { return x < 0 ? 0.0f : x; });
}

void SigmoidRows(size_t rows, size_t width, In in, Out out) { Singles(rows, width, in, out, SigmoidOf); }

void DotRows(size_t rows, size_t width, In a, In b, Out out) {
  constexpr size_t kLanes = 8;
  for (size_t r = 0; r < rows; ++r) {
    const float* x = a.data + r * a.stride;
    const float* y = b.data + r * b.stride;
    float sums[kLanes] = {};
    size_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + lane] * y[i + lane];
    }
    for (; i < width; ++i) sums[0] += x[i] * y[i];
    float sum = 0;
    for (float part : sums) sum += part;
    out.data[r * out.stride] = sum;
  }
}

}  // namespace tandem::serving
