#include "core/optimizer.h"

#include <cmath>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

constexpr int kDim = 5;

bool Near(double a, double b) { return std::abs(a - b) <= 1e-6 + 1e-5 * std::abs(b); }

// Three steps by the core; what they ought to give is worked out in double by the test.
std::vector<float> Run(const Optimizer& optimizer, int steps) {
  std::vector<float> memory(kDim * (1 + optimizer.slots()), 1.0f);
  InitSlots(optimizer, kDim, memory.data() + kDim);
  for (int t = 1; t <= steps; ++t) {
    float grad[kDim];
    for (int i = 0; i < kDim; ++i) grad[i] = 0.25f * static_cast<float>(t) - 0.1f * static_cast<float>(i);
    TakeStep(optimizer, kDim, 0.1f, t, grad, memory.data(), memory.data() + kDim);
  }
  return memory;
}

double Grad(int t, int i) { return double{0.25f} * t - double{0.1f * static_cast<float>(i)}; }

TEST(SgdFollowsItsFormula) {
  const std::vector<float> memory = Run({OptimizerKind::kSgd, 0, 0, 0, 0}, 3);
  CHECK(memory.size() == kDim);
  for (int i = 0; i < kDim; ++i) {
    CHECK(Near(memory[i], 1 - 0.1 * (Grad(1, i) + Grad(2, i) + Grad(3, i))));
  }
}

TEST(AdagradFollowsItsFormula) {
  const std::vector<float> memory = Run({OptimizerKind::kAdagrad, 0.1, 0, 0, 1e-7}, 3);
  for (int i = 0; i < kDim; ++i) {
    double x = 1, a = 0.1;
    for (int t = 1; t <= 3; ++t) {
      a += Grad(t, i) * Grad(t, i);
      x -= 0.1 * Grad(t, i) / (std::sqrt(a) + 1e-7);
    }
    CHECK(Near(memory[i], x));
    CHECK(Near(memory[kDim + i], a));
  }
}

TEST(AdamFollowsItsFormula) {
  const std::vector<float> memory = Run({OptimizerKind::kAdam, 0, 0.9, 0.999, 1e-8}, 3);
  for (int i = 0; i < kDim; ++i) {
    double x = 1, m = 0, v = 0;
    for (int t = 1; t <= 3; ++t) {
      m = 0.9 * m + 0.1 * Grad(t, i);
      v = 0.999 * v + 0.001 * Grad(t, i) * Grad(t, i);
      x -= 0.1 * m / (1 - std::pow(0.9, t)) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    }
    CHECK(Near(memory[i], x));
    CHECK(Near(memory[kDim + i], m));
    CHECK(Near(memory[2 * kDim + i], v));
  }
}

TEST(ARowsFirstAdamStepIsOneLearningRate) {
  std::vector<float> memory(3, 0.0f);
  const float grad = 1e-3f;
  TakeStep({OptimizerKind::kAdam, 0, 0.9, 0.999, 1e-8}, 1, 0.1f, 1, &grad, memory.data(), memory.data() + 1);
  CHECK(std::abs(memory[0] + 0.1f) < 1e-5f);
}

TEST(NegativeSumsOfSquaresAreImpossible) {
  const std::vector<float> first = {-1, 2, 0, 3}, second = {1, 2, 0, -3};
  CHECK(SlotsArePossible({OptimizerKind::kAdam, 0, 0.9, 0.999, 1e-8}, 2, first.data()));
  CHECK(!SlotsArePossible({OptimizerKind::kAdam, 0, 0.9, 0.999, 1e-8}, 2, second.data()));
  CHECK(!SlotsArePossible({OptimizerKind::kAdagrad, 0.1, 0, 0, 1e-7}, 2, first.data()));
  CHECK(SlotsArePossible({OptimizerKind::kSgd, 0, 0, 0, 0}, 2, nullptr));
}

}  // namespace
}  // namespace tandem
