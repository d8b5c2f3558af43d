// The probability that a count reaches k: upper tails of the Poisson and the negative binomial distribution.
//
// Memory:  values only.
// Threads: pure; any thread, and the same bits on every machine (core/exact_math.h).
//
// Up to kSummed terms are summed as the definition says; longer tails are regularised incomplete gamma and beta
// functions by their series and continued fractions, whose length grows with the square root of k only. Absolute error
// below 1e-12 for k up to a million, except that k and mean both large lose digits of their logarithms (1e-9 at a million).
#pragma once

#include <cstdint>

namespace tandem {

// P(N >= k) for N ~ Poisson(mean), mean >= 0 and finite.
double PoissonTail(double mean, uint32_t k);

// P(N >= k) for N ~ Poisson(rate * ahead), rate ~ Gamma(shape, behind): the negative binomial with shape > 0 and success
// probability behind / (behind + ahead); behind > 0, ahead >= 0.
double NegativeBinomialTail(double shape, double behind, double ahead, uint32_t k);

}  // namespace tandem
