// The shrink of a row by the penalties: the minimiser of ½ Σ A_i x_i² − s·x + l1 ‖x‖₁ + k ‖x‖₂, k = √dim · l21.
//
// Memory:  a Terms of the caller per eight floats of the row, u = 0 in lanes past its end.
// Threads: pure functions.
//
// With u the minimiser is 0 if ‖u‖ ≤ k, else x_i = u_i / (A_i + k/τ), where τ = ‖x‖ solves ‖v(τ)‖ = 1 with
// v_i = u_i / (A_i τ + k). Newton's iteration runs on 1/‖v(τ)‖ = 1. That function rises and is concave, so every tangent
// lies above it: from wherever it starts, a step lands at or below the root, and from there on the steps climb to it
// without ever passing it. Where all A are equal it is a line, and one step is exact. The step from τ = 0 is
// (‖u‖ − k)/Ā with Ā the mean of A weighted by u², hence a lower bound; no iterate goes below it (the safeguard).
// It starts at the greater of that bound and ‖x‖ before the step, from where two steps usually do. The length is
// fixed at kMostSteps; a step that moves τ by less than 2⁻¹¹ of it leaves an error beyond float, and ends it.
// With A over eight decades, the worst of 10⁵ random rows took 7.
//
// All is scaled by the power of two that brings k to [1, 2), so that squares neither vanish nor overflow before k's
// share of them does.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/lanes.h"

namespace tandem {

inline constexpr int kMostNewtonSteps = 12;

// The power of two that brings k to [1, 2); k is positive and normal.
inline float ScaleOf(float k) {
  uint32_t bits;
  std::memcpy(&bits, &k, sizeof bits);
  const uint32_t exponent = bits >> 23;
  const uint32_t inverse = (exponent < 1 ? 253 : exponent > 253 ? 1 : 254 - exponent) << 23;
  float scale;
  std::memcpy(&scale, &inverse, sizeof scale);
  return scale;
}

// Of eight weights: s and u = soft(s, l1), the metric d and A, in the scale of whoever fills them in.
struct Terms {
  F8 s, d, u, a;
};

// What the group's penalty adds to each A_i: k/τ, infinity for a row that becomes zero.
//
// u, a and k are scaled; `before` is ‖x‖² before the step, a hint.
template <class Row>
inline float GroupPull(const Row& row, const Terms* terms, float k, float before) {
  F8 squares = All(0), weighted = All(0);
  for (int v = 0; v < row.vectors(); ++v) {
    const F8 u2 = terms[v].u * terms[v].u;
    squares = squares + u2;
    weighted = weighted + u2 * terms[v].a;
  }
  const __m128 sums = SumBoth(squares, weighted);
  const float square = First(sums);
  if (square <= k * k) return std::numeric_limits<float>::infinity();
  if (!(square <= std::numeric_limits<float>::max())) return 0;  // k is lost beside it
  const float lowest = square * (std::sqrt(square) - k) / Third(sums);
  const float hint = std::sqrt(before);
  float tau = hint > lowest ? hint : lowest;
  for (int step = 0; step < kMostNewtonSteps; ++step) {
    F8 psi = All(0), slope = All(0);
    for (int v = 0; v < row.vectors(); ++v) {
      const F8 r = All(1) / (terms[v].a * All(tau) + All(k));
      const F8 w = terms[v].u * r;
      const F8 w2 = w * w;
      psi = psi + w2;
      slope = slope + w2 * (terms[v].a * r);
    }
    const __m128 both = SumBoth(psi, slope);
    const float p = First(both);
    const float next = tau + p * (std::sqrt(p) - 1) / Third(both);
    const float moved = std::abs(next - tau);
    tau = next > lowest ? next : lowest;  // also where next is not a number
    if (moved <= 0x1p-11f * tau) break;
  }
  return k / tau;
}

}  // namespace tandem
