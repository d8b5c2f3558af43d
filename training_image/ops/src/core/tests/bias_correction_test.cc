#include "core/bias_correction.h"

#include <cmath>

#include "core/tests/check.h"

namespace tandem {
namespace {

TEST(TabledCorrectionsAreTheFormulasBits) {
  for (double beta : {0.0, 0.5, 0.9, 0.99, 0.999, 0.99995}) {
    const BiasCorrections table(beta);
    const auto size = static_cast<int64_t>(table.size());
    for (int64_t t = 1; t <= size + 100; ++t) CHECK(table.At(t) == BiasCorrection(beta, t));
    for (int64_t t : {int64_t{1} << 20, int64_t{1} << 32}) CHECK(table.At(t) == BiasCorrection(beta, t));
  }
}

TEST(CorrectionsFollowPow) {
  for (double beta : {0.5, 0.9, 0.999}) {
    for (int64_t t : {1, 2, 3, 10, 1000, 17321}) {
      const double exact = 1 / (1 - std::pow(beta, static_cast<double>(t)));
      CHECK(std::abs(BiasCorrection(beta, t) / exact - 1) < 1e-7);
    }
  }
}

TEST(TablesEndWhereCorrectionsAreOneForGood) {
  CHECK(BiasCorrections(0.9).size() == 172);
  CHECK(BiasCorrections(0.999).size() == 18013);
  CHECK(BiasCorrections(0.999999).size() == 65536);
  const BiasCorrections table(0.999);
  CHECK(table.At(18013) == 1.0f);
  CHECK(table.At(1000000000) == 1.0f);
}

TEST(ATableIsMadeOncePerBeta) {
  const auto first = BiasCorrectionsOf(0.875);
  CHECK(BiasCorrectionsOf(0.875) == first);
  for (int i = 0; i < 40; ++i) BiasCorrectionsOf(0.25 + i * 0.001);
  CHECK(first->At(1) == BiasCorrectionsOf(0.875)->At(1));
}

}  // namespace
}  // namespace tandem
