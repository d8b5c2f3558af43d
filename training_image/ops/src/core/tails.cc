#include "core/tails.h"

#include <algorithm>

#include "core/exact_math.h"

namespace tandem {
namespace {

constexpr uint32_t kSummed = 64;
constexpr double kSmallest = 1e-300, kEnough = 1e-15;
constexpr int kMostTerms = 100000;

// 1/(j + 1), since the sums are one chain of operations and a division is the longest of them.
struct Reciprocals {
  double of[kSummed];
  constexpr Reciprocals() : of() {
    for (uint32_t j = 0; j < kSummed; ++j) of[j] = 1.0 / (j + 1);
  }
};
constexpr Reciprocals kOneOver;

double Within01(double p) { return std::min(1.0, std::max(0.0, p)); }

// P(k, x) = lower incomplete gamma / Γ(k), by series below the mean and by continued fraction (Lentz) above.
double LowerGamma(double k, double x) {
  const double front = Exp(k * Log(x) - x - LogGamma(k));
  if (x < k + 1) {
    double term = 1 / k, sum = term;
    for (double n = k + 1; term > sum * kEnough && n < k + kMostTerms; ++n) sum += term *= x / n;
    return Within01(sum * front);
  }
  double b = x + 1 - k, c = 1 / kSmallest, d = 1 / b, h = d;
  for (int i = 1; i < kMostTerms; ++i) {
    const double a = i * (k - i);
    b += 2;
    d = a * d + b;
    if (d == 0) d = kSmallest;
    c = b + a / c;
    if (c == 0) c = kSmallest;
    d = 1 / d;
    const double step = d * c;
    h *= step;
    if (step - 1 < kEnough && 1 - step < kEnough) break;
  }
  return Within01(1 - front * h);
}

// The continued fraction of the incomplete beta function (Lentz), good for x < (a + 1) / (a + b + 2).
double BetaFraction(double a, double b, double x) {
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (d == 0) d = kSmallest;
  d = 1 / d;
  double h = d;
  for (int m = 1; m < kMostTerms; ++m) {
    double step = 1;
    const double terms[] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
    for (const double term : terms) {
      d = 1 + term * d;
      if (d == 0) d = kSmallest;
      c = 1 + term / c;
      if (c == 0) c = kSmallest;
      d = 1 / d;
      step = d * c;
      h *= step;
    }
    if (step - 1 < kEnough && 1 - step < kEnough) break;
  }
  return h;
}

}  // namespace

double PoissonTail(double mean, uint32_t k) {
  if (k == 0) return 1;
  if (mean <= 0) return 0;
  if (k > kSummed) return LowerGamma(k, mean);
  // Where the first term is too small for a double, so are all below k, and the tail is 1.
  double term = Exp(-mean), below = 0;
  for (uint32_t j = 0; j < k; ++j) {
    below += term;
    term *= mean * kOneOver.of[j];
  }
  return Within01(1 - below);
}

double NegativeBinomialTail(double shape, double behind, double ahead, uint32_t k) {
  if (k == 0) return 1;
  if (ahead <= 0) return 0;
  const double p = behind / (behind + ahead), x = ahead / (behind + ahead);
  if (k <= kSummed) {
    double term = Exp(shape * Log(p)), below = 0;
    for (uint32_t j = 0; j < k; ++j) {
      below += term;
      term *= (shape + j) * (x * kOneOver.of[j]);
    }
    return Within01(1 - below);
  }
  // The regularised incomplete beta function I_x(k, shape).
  const double a = k, b = shape;
  const double front = Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + a * Log(x) + b * Log(p));
  if (x < (a + 1) / (a + b + 2)) return Within01(front * BetaFraction(a, b, x) / a);
  return Within01(1 - front * BetaFraction(b, a, p) / b);
}

}  // namespace tandem
