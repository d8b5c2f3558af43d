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
// It starts at the greater of that bound and ‖x‖ before the step, from where two steps usually do. Its length is fixed
// at kMostNewtonSteps; a step that moves τ by less than 2⁻¹¹ of it leaves an error beyond float, and holds it. With A
// over eight decades, the worst of 10⁵ random rows took 7.
//
// All is scaled by the power of two that brings k to [1, 2), so that squares neither vanish nor overflow before k's
// share of them does.
#pragma once

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

// Of eight weights: s, the metric d, u = soft(s, l1) and A, as a form of the step needs them.
struct Terms {
  F8 s, d, u, a;
};

// τ of each of kRows rows: 0 for one that becomes zero, infinity for one that the group's penalty cannot move.
//
// `terms` holds row after row; u, a and k are scaled; `before` is ‖x‖² before the step, a hint. Lanes of k without a row
// are 0.
template <int kRows, class Row>
inline F8 GroupNorms(const Row& row, const Terms* terms, F8 k, F8 before) {
  const F8 infinity = All(std::numeric_limits<float>::infinity());
  const int vectors = row.vectors();
  F8 first[kLanes] = {}, second[kLanes] = {};
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < vectors; ++v) {
      const Terms& of = terms[i * vectors + v];
      const F8 u2 = of.u * of.u;
      first[i] = first[i] + u2;
      second[i] = second[i] + u2 * of.a;
    }
  }
  const F8 square = SumEach(first);
  const F8 dies = _mm256_cmp_ps(square, k * k, _CMP_LE_OQ);
  const F8 lost = _mm256_cmp_ps(square, infinity, _CMP_NLT_UQ);  // k is lost beside it, or it is not a number
  const F8 lowest = square * (Root(square) - k) / SumEach(second);
  F8 tau = _mm256_max_ps(Root(before), lowest);
  F8 held = _mm256_or_ps(dies, lost);
  for (int step = 0; step < kMostNewtonSteps && _mm256_movemask_ps(held) != 255; ++step) {
    const PerRow tau_of(tau), k_of(k);
    for (int i = 0; i < kRows; ++i) {
      F8 psi = All(0), slope = All(0);
      for (int v = 0; v < vectors; ++v) {
        const Terms& of = terms[i * vectors + v];
        const F8 r = All(1) / (of.a * All(tau_of[i]) + All(k_of[i]));
        const F8 w = of.u * r;
        const F8 w2 = w * w;
        psi = psi + w2;
        slope = slope + w2 * (of.a * r);
      }
      first[i] = psi;
      second[i] = slope;
    }
    const F8 psi = SumEach(first);
    const F8 next = tau + psi * (Root(psi) - All(1)) / SumEach(second);
    const F8 moved = _mm256_andnot_ps(All(-0.0f), next - tau);
    const F8 safe = _mm256_max_ps(next, lowest);  // lowest where next is not a number
    tau = _mm256_blendv_ps(safe, tau, held);
    held = _mm256_or_ps(held, _mm256_cmp_ps(moved, All(0x1p-11f) * safe, _CMP_LE_OQ));
  }
  return _mm256_blendv_ps(_mm256_andnot_ps(dies, tau), infinity, lost);
}

}  // namespace tandem
