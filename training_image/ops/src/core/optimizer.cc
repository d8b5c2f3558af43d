#include "core/optimizer.h"

#include <algorithm>
#include <cmath>

namespace tandem {
namespace {

double Power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

// x <- x - lr * g
void Sgd(int dim, float lr, const float* __restrict g, float* __restrict x) {
  for (int i = 0; i < dim; ++i) x[i] -= lr * g[i];
}

// a <- a + g^2;  x <- x - lr * g / (sqrt(a) + epsilon)
void Adagrad(const Optimizer& optimizer, int dim, float lr, const float* __restrict g, float* __restrict x,
             float* __restrict a) {
  const auto epsilon = static_cast<float>(optimizer.epsilon);
  for (int i = 0; i < dim; ++i) {
    a[i] += g[i] * g[i];
    x[i] -= lr * g[i] / (std::sqrt(a[i]) + epsilon);
  }
}

// m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
// x <- x - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
void Adam(const Optimizer& optimizer, int dim, float lr, int64_t t, const float* __restrict g, float* __restrict x,
          float* __restrict m, float* __restrict v) {
  const auto b1 = static_cast<float>(optimizer.beta1), b2 = static_cast<float>(optimizer.beta2);
  const auto c1 = static_cast<float>(1 - optimizer.beta1);
  const auto c2 = static_cast<float>(1 - optimizer.beta2);
  const auto correct1 = static_cast<float>(1 / (1 - Power(optimizer.beta1, t)));
  const auto correct2 = static_cast<float>(1 / (1 - Power(optimizer.beta2, t)));
  const auto epsilon = static_cast<float>(optimizer.epsilon);
  for (int i = 0; i < dim; ++i) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    x[i] -= lr * (m[i] * correct1) / (std::sqrt(v[i] * correct2) + epsilon);
  }
}

}  // namespace

int Optimizer::slots() const {
  switch (kind) {
    case OptimizerKind::kSgd:
      return 0;
    case OptimizerKind::kAdagrad:
      return 1;
    case OptimizerKind::kAdam:
      return 2;
  }
  return 0;
}

void InitSlots(const Optimizer& optimizer, int dim, float* slots) {
  const bool adagrad = optimizer.kind == OptimizerKind::kAdagrad;
  const auto start = static_cast<float>(adagrad ? optimizer.initial_accumulator : 0);
  std::fill(slots, slots + optimizer.slots() * dim, start);
}

void TakeStep(const Optimizer& optimizer, int dim, float learning_rate, int64_t t, const float* grad, float* row,
              float* slots) {
  switch (optimizer.kind) {
    case OptimizerKind::kSgd:
      return Sgd(dim, learning_rate, grad, row);
    case OptimizerKind::kAdagrad:
      return Adagrad(optimizer, dim, learning_rate, grad, row, slots);
    case OptimizerKind::kAdam:
      return Adam(optimizer, dim, learning_rate, t, grad, row, slots, slots + dim);
  }
}

bool SlotsArePossible(const Optimizer& optimizer, int dim, const float* slots) {
  if (optimizer.kind == OptimizerKind::kSgd) return true;
  // The last slot of Adagrad and of Adam is a sum of squares.
  const float* squares = slots + (optimizer.slots() - 1) * dim;
  return std::all_of(squares, squares + dim, [](float s) { return s >= 0; });
}

}  // namespace tandem
