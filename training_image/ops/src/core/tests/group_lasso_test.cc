#include "core/group_lasso.h"

#include <cmath>
#include <random>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

struct Row8 {
  std::vector<double> u, a;
  double k = 0;
};

// τ by bisection in double; 0 for a row that dies.
double Tau(const Row8& row) {
  double square = 0, least = row.a[0];
  for (size_t i = 0; i < row.u.size(); ++i) {
    square += row.u[i] * row.u[i];
    least = std::min(least, row.a[i]);
  }
  if (std::sqrt(square) <= row.k) return 0;
  double low = 0, high = std::sqrt(square) / least;
  for (int step = 0; step < 400; ++step) {
    const double tau = (low + high) / 2;
    double psi = 0;
    for (size_t i = 0; i < row.u.size(); ++i) psi += std::pow(row.u[i] / (row.a[i] * tau + row.k), 2);
    (psi > 1 ? low : high) = tau;
  }
  return (low + high) / 2;
}

// What the core says of eight rows, each with its own k and hint.
std::vector<float> Norms(const std::vector<Row8>& rows, const std::vector<float>& before) {
  const AnyRow row(static_cast<int>(rows[0].u.size()));
  std::vector<Terms> terms(kLanes * static_cast<size_t>(row.vectors()));
  alignas(32) float k[kLanes], hint[kLanes], out[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const float scale = ScaleOf(static_cast<float>(rows[i].k));
    k[i] = static_cast<float>(rows[i].k) * scale;
    hint[i] = before[i];
    std::vector<float> u(rows[i].u.begin(), rows[i].u.end()), a(rows[i].a.begin(), rows[i].a.end());
    for (int v = 0; v < row.vectors(); ++v) {
      Terms& of = terms[i * row.vectors() + v];
      of.u = row.Load(u.data(), v) * All(scale);
      of.a = row.Load(a.data(), v) * All(scale);
    }
  }
  _mm256_store_ps(out, GroupNorms<kLanes>(row, terms.data(), _mm256_load_ps(k), _mm256_load_ps(hint)));
  return std::vector<float>(out, out + kLanes);
}

TEST(TheScaleBringsEveryNormalNumberToOneToTwo) {
  for (int exponent = -126; exponent <= 126; ++exponent) {
    for (float mantissa : {1.0f, 1.5f, 1.9999999f}) {
      const float k = std::ldexp(mantissa, exponent);
      CHECK(k * ScaleOf(k) == mantissa);
    }
  }
  CHECK(std::isfinite(ScaleOf(0)) && std::isfinite(ScaleOf(1e-45f)));
  CHECK(ScaleOf(3e38f) > 0);
}

// Rows whose metrics differ by up to `decades`, shrunk by little, by half, and almost to death; from good, bad and absent
// hints.
TEST(NormsSolveTheirEquation) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::normal_distribution<double> normal;
  for (double decades : {0.0, 1.0, 4.0, 8.0}) {
    for (int dim : {1, 2, 5, 8, 16, 19}) {
      for (int round = 0; round < 40; ++round) {
        std::vector<Row8> rows(kLanes);
        std::vector<float> hints(kLanes);
        for (int i = 0; i < kLanes; ++i) {
          double square = 0;
          for (int z = 0; z < dim; ++z) {
            rows[i].a.push_back(static_cast<float>(std::pow(10, decades * (uniform(random) - 0.5))));
            rows[i].u.push_back(static_cast<float>(rows[i].a[z] * normal(random)));
            square += rows[i].u[z] * rows[i].u[z];
          }
          const double share[] = {1e-6, 0.01, 0.5, 0.999};
          rows[i].k = static_cast<float>(std::sqrt(square) * share[i % 4]);
          const double tau = Tau(rows[i]), guess[] = {0, 1e-3, 0.98, 1.05, 1e4};
          hints[i] = static_cast<float>(std::pow(tau * guess[round % 5], 2));
        }
        const std::vector<float> norms = Norms(rows, hints);
        for (int i = 0; i < kLanes; ++i) {
          // The equation ‖x‖ = τ, which rounding of the norms loosens by as much as little is left of the row.
          const double tau = norms[i];
          double psi = 0;
          for (int z = 0; z < dim; ++z) psi += std::pow(rows[i].u[z] / (rows[i].a[z] * tau + rows[i].k), 2);
          CHECK(std::abs(std::sqrt(psi) - 1) < 2e-6);
        }
      }
    }
  }
}

TEST(ARowDiesAtItsThresholdAndOneThatIsBeyondFloatIsLeft) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<Row8> rows(kLanes, {{3, 4}, {1, 2}, 1});
  rows[1].k = 5;
  rows[2].k = 5.000001;
  rows[3].u = {0, 0};
  rows[4].u = {3e19, 4e19};
  rows[5].u = {std::nan(""), 1};
  rows[6].u = {infinity, 1};
  const std::vector<float> norms = Norms(rows, std::vector<float>(kLanes, 1.0f));
  CHECK(norms[0] > 0 && norms[0] < infinity && norms[0] == norms[7]);
  for (int dead : {1, 2, 3}) CHECK(norms[dead] == 0);
  for (int left : {4, 5, 6}) CHECK(norms[left] == infinity);
}

TEST(ARowsNormDoesNotDependOnItsCompanions) {
  const Row8 easy{{3, 4, 1}, {1, 1, 1}, 1}, hard{{30, 0.004, 1}, {1e4, 1e-4, 1}, 0.02}, dead{{1, 1, 1}, {1, 2, 3}, 9};
  const std::vector<float> hints(kLanes, 0.0f);
  std::vector<Row8> mixed{hard, easy, dead, hard, hard, dead, easy, hard};
  const std::vector<float> together = Norms(mixed, hints);
  for (const Row8& row : {easy, hard, dead}) {
    const std::vector<float> alone = Norms(std::vector<Row8>(kLanes, row), hints);
    for (int i = 0; i < kLanes; ++i) {
      if (mixed[i].k == row.k) CHECK(together[i] == alone[0]);
    }
  }
}

}  // namespace
}  // namespace tandem
