#include "core/initializer.h"

#include <cmath>
#include <vector>

#include "core/random.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

constexpr int kDim = 16;
constexpr int64_t kKeys = 4000;

std::vector<float> Draw(const Initializer& init, uint64_t seed, int64_t key) {
  std::vector<float> row(kDim);
  InitRow(init, seed, key, kDim, row.data());
  return row;
}

struct Moments {
  double mean = 0, deviation = 0, greatest = 0;
};

Moments MomentsOf(const Initializer& init) {
  double sum = 0, squares = 0, greatest = 0;
  for (int64_t key = 0; key < kKeys; ++key) {
    for (float x : Draw(init, 1, key)) {
      sum += x;
      squares += double{x} * x;
      greatest = std::max(greatest, std::abs(double{x}));
    }
  }
  const double n = kKeys * kDim, mean = sum / n;
  return {mean, std::sqrt(squares / n - mean * mean), greatest};
}

TEST(SplitMixIsTheReference) {
  // The first outputs of SplitMix64 from state 1234567, as its authors' code prints them.
  uint64_t state = 1234567;
  CHECK(Mix64(state += kGolden) == 6457827717110365317ULL);
  CHECK(Mix64(state += kGolden) == 3203168211198807973ULL);
}

TEST(RowsDependOnSeedAndKeyAlone) {
  const Initializer init{InitializerKind::kTruncatedNormal, 0.1f};
  CHECK(Draw(init, 7, 42) == Draw(init, 7, 42));
  CHECK(Draw(init, 7, 42) != Draw(init, 8, 42));
  CHECK(Draw(init, 7, 42) != Draw(init, 7, 43));
}

TEST(AShorterRowIsTheBeginningOfALongerOne) {
  const Initializer init{InitializerKind::kUniform, 1.0f};
  float first[3];
  InitRow(init, 5, -9, 3, first);
  const std::vector<float> longer = Draw(init, 5, -9);
  for (int i = 0; i < 3; ++i) CHECK(first[i] == longer[i]);
}

TEST(ZerosAreZero) {
  for (float x : Draw({InitializerKind::kZeros, 0}, 3, 4)) CHECK(x == 0);
}

TEST(UniformHasItsMomentsAndBounds) {
  const Moments m = MomentsOf({InitializerKind::kUniform, 0.5f});
  CHECK(std::abs(m.mean) < 0.005);
  CHECK(std::abs(m.deviation - 0.5 / std::sqrt(3.0)) < 0.005);
  CHECK(m.greatest < 0.5 && m.greatest > 0.499);
}

TEST(TruncatedNormalHasItsMomentsAndBounds) {
  const Moments m = MomentsOf({InitializerKind::kTruncatedNormal, 1.0f});
  CHECK(std::abs(m.mean) < 0.01);
  CHECK(std::abs(m.deviation - 0.8796256610342398) < 0.01);
  CHECK(m.greatest <= 2 && m.greatest > 1.99);
}

// The bits are a contract: a row must be the same whenever and wherever it is born.
TEST(InitialRowsHaveTheirGoldenBits) {
  const std::vector<float> uniform = Draw({InitializerKind::kUniform, 0.05f}, 1, 7);
  const std::vector<float> normal = Draw({InitializerKind::kTruncatedNormal, 0.05f}, 1, 7);
  CHECK(uniform[0] == 0x1.e837360000000p-6f && uniform[15] == -0x1.ed35a40000000p-6f);
  CHECK(normal[0] == -0x1.0791fe0000000p-5f && normal[15] == 0x1.698ec00000000p-5f);
}

}  // namespace
}  // namespace tandem
