#include "core/exact_math.h"

#include <cmath>

#include "core/random.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

bool Near(double got, double expected, double tolerance) {
  return std::abs(got - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

TEST(LogAndExpAreLibmsToTheLastPlaces) {
  KeyedStream stream(1, 2);
  for (int i = 0; i < 20000; ++i) {
    const double x = 1400 * stream.NextUnit() - 700, y = std::exp(x);
    CHECK(std::abs(Exp(x) - y) <= 4e-16 * 4 * y);
    CHECK(std::abs(Log(y) - x) <= 4e-16 * 4 * std::max(1.0, std::abs(x)));
    const double near_one = 0.5 + stream.NextUnit();
    CHECK(std::abs(Log(near_one) - std::log(near_one)) <= 4e-16);
  }
  CHECK(Log(1) == 0 && Exp(0) == 1);
  CHECK(Exp(-701) == 0 && Exp(1e9) == Exp(700));
}

TEST(LogGammaIsTheLogarithmOfFactorials) {
  double factorial = 0;  // ln (n - 1)!
  for (int n = 1; n <= 170; ++n) {
    CHECK(Near(LogGamma(n), factorial, 1e-13));
    factorial += std::log(n);
  }
  CHECK(Near(LogGamma(0.5), 0.5 * std::log(3.14159265358979323846), 1e-13));
  for (double x = 0.01; x < 30; x += 0.37) CHECK(Near(LogGamma(x), std::lgamma(x), 1e-13));
}

}  // namespace
}  // namespace tandem
