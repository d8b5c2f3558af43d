#include "core/tails.h"

#include <cmath>

#include "core/tests/check.h"

namespace tandem {
namespace {

bool Near(double got, double expected, double tolerance) { return std::abs(got - expected) <= tolerance; }

TEST(PoissonTailHasItsKnownValues) {
  struct Case {
    double mean;
    uint32_t k;
    double tail;
  };
  // Sums in decimals of 60 digits.
  const Case cases[] = {
      {1, 1, 0.63212055882855768},   {1, 2, 0.26424111765711536},  {2, 3, 0.32332358381693654},
      {5, 10, 0.031828057306204812}, {10, 9, 0.66718032124928109}, {0.1, 9, 2.5186528355301138e-15},
  };
  for (const Case& c : cases) CHECK(Near(PoissonTail(c.mean, c.k), c.tail, 1e-14));
}

TEST(NegativeBinomialTailHasItsKnownValues) {
  // shape 1 is geometric: P(N >= k) = x^k.
  for (uint32_t k = 1; k <= 200; ++k) {
    CHECK(Near(NegativeBinomialTail(1, 1, 3, k), std::pow(0.75, k), 1e-13));
  }
  // shape 2, x = 1/2: P(N >= k) = (k + 2) / 2^(k + 1).
  for (uint32_t k = 1; k <= 100; ++k)
    CHECK(Near(NegativeBinomialTail(2, 7, 7, k), (k + 2) / std::pow(2, k + 1), 1e-13));
  CHECK(Near(NegativeBinomialTail(0.5, 1, 1, 1), 1 - std::sqrt(0.5), 1e-15));
}

double SummedPoisson(double mean, uint32_t k) {
  double below = 0;
  for (uint32_t j = 0; j < k; ++j) below += std::exp(j * std::log(mean) - mean - std::lgamma(j + 1.0));
  return 1 - below;
}

double SummedNegativeBinomial(double shape, double behind, double ahead, uint32_t k) {
  const double p = behind / (behind + ahead), x = ahead / (behind + ahead);
  double below = 0;
  for (uint32_t j = 0; j < k; ++j) {
    below += std::exp(std::lgamma(shape + j) - std::lgamma(shape) - std::lgamma(j + 1.0) + shape * std::log(p) +
                      j * std::log(x));
  }
  return 1 - below;
}

TEST(LongTailsAreTheirSums) {
  for (const uint32_t k : {60u, 64u, 65u, 100u, 1000u, 5000u}) {
    for (const double factor : {0.2, 0.9, 0.99, 1.0, 1.01, 1.1, 3.0}) {
      const double mean = factor * k;
      CHECK(Near(PoissonTail(mean, k), SummedPoisson(mean, k), 1e-10));
      for (const double shape : {0.05, 0.9, 12.0, 700.0}) {
        const double ahead = mean, behind = shape;  // so that the mean is `mean`
        CHECK(Near(NegativeBinomialTail(shape, behind, ahead, k), SummedNegativeBinomial(shape, behind, ahead, k),
                   1e-10));
      }
    }
  }
}

TEST(AMillionIsReachedOrNot) {
  CHECK(PoissonTail(1.01e6, 1000000) > 1 - 1e-9);
  CHECK(PoissonTail(0.99e6, 1000000) < 1e-9);
  CHECK(Near(PoissonTail(1e6, 1000000), 0.5, 1e-3));
  CHECK(Near(NegativeBinomialTail(1e6, 1, 1, 1000000), 0.5, 1e-3));
}

TEST(TailsFallInKAndRiseInTheMean) {
  double last = 1;
  for (uint32_t k = 0; k < 300; ++k) {
    const double tail = PoissonTail(70, k);
    CHECK(tail <= last + 1e-12 && tail >= 0 && tail <= 1);
    last = tail;
  }
  last = 0;
  for (double ahead = 0; ahead < 1e7; ahead = ahead * 1.3 + 1) {
    const double tail = NegativeBinomialTail(0.3, 10, ahead, 9);
    CHECK(tail >= last - 1e-12 && tail <= 1);
    last = tail;
  }
}

TEST(EdgesOfTails) {
  CHECK(PoissonTail(0, 0) == 1 && PoissonTail(0, 1) == 0);
  CHECK(PoissonTail(1e9, 10) == 1 && PoissonTail(4e18, 1000000) == 1);
  CHECK(NegativeBinomialTail(0.2, 1, 0, 0) == 1 && NegativeBinomialTail(0.2, 1, 0, 1) == 0);
  CHECK(NegativeBinomialTail(5, 1, 4e9, 4) > 0.999999);
  CHECK(PoissonTail(699, 64) == 1 && PoissonTail(701, 64) == 1 && NegativeBinomialTail(1e6, 1e6, 1000, 64) == 1);
  CHECK(NegativeBinomialTail(0x1p-10, 0x1p40, 1, 1000000) == 0);
}

}  // namespace
}  // namespace tandem
