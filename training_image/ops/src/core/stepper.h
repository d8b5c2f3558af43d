// Takes the steps of one batch: everything that the rows of a batch share is worked out once.
//
// Memory:  the numbers of the formulas as floats, a function chosen for kind, form and dim, and for dims without a
//          function of their own (all but 8, 16, 32, 64) scratch of 32 floats per float of a row.
// Threads: one Stepper per thread, since it owns scratch; making one costs well under a microsecond after the first of
//          its betas.
//
// t is the row's own count of steps, the present one included (1 at the first), so that a row born late is corrected
// like one born early. The same bits on every CPU: float32 arithmetic in the written order, eight lanes at a time
// (core/lanes.h), no contraction to fused multiply-adds (-ffp-contract=off), no reassociation, correctly rounded roots
// and divisions. AVX2 is the baseline and the only path: a step waits for memory, and wider vectors would not shorten
// that.
//
// With m̂ and the root √V̂ of the base (SGD: g and 1), α the learning rate, λ the penalties, P of core/group_lasso.h:
//   none            x ← x − α m̂ / (√V̂ + ε)
//   prox            x ← P with s = h x − α m̂,  A = h + 2αλ2,  l1 = αλ1,  k = α√dim λ21,  h = √V̂ + ε
//                   (everything times α, so that α = 0 divides nothing)
//   dual averaging  s = D x − m̂ − r,  x ← P with A = D + 2tλ2,  l1 = tλ1,  k = t√dim λ21,  r ← D x − s,  D = h / α
//   published       s likewise with D = √V̂ / α;  x ← max(0, 1 − k/‖u‖) u / (D + 2λ2),  u = soft(s, λ1),  k = √dim λ21;
//                   a weight with D + 2λ2 = 0 (it never had a gradient) stays
//   FTRL            as published without k and with D = (a^power + ε) / α
// Penalties that are all 0 make prox the base; so does α = 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/bias_correction.h"
#include "core/group_lasso.h"
#include "core/optimizer.h"

namespace tandem {

// What a step's function reads; its members are the formulas' letters.
struct StepPlan {
  int dim = 0;
  float rate = 0, inverse_rate = 0;
  float beta1 = 0, rest1 = 0, beta2 = 0, rest2 = 0;  // rest: 1 - beta
  float epsilon = 0, momentum = 0;
  uint32_t power = 0;                     // of FTRL, in units of 2^-24
  float l1 = 0, twice_l2 = 0, group = 0;  // group: sqrt(dim) * l21; prox: all times the rate
  const BiasCorrections* corrections1 = nullptr;
  const BiasCorrections* corrections2 = nullptr;
  Terms* scratch = nullptr;
};

// Step t >= 1 of one row. `grad` does not overlap `row` or `slots`; nothing needs alignment or padding.
struct RowStep {
  int64_t t;
  const float* grad;
  float* row;
  float* slots;
};

class Stepper {
 public:
  // `optimizer` is one that CheckOptimizer accepts, `learning_rate` one that CheckLearningRate accepts.
  Stepper(const Optimizer& optimizer, int dim, float learning_rate);
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  // Takes the steps of `count` different rows; best eight or more at a time.
  void Take(const RowStep* steps, size_t count) const { take_(plan_, steps, count); }

  void operator()(int64_t t, const float* grad, float* row, float* slots) const {
    const RowStep step{t, grad, row, slots};
    Take(&step, 1);
  }

 private:
  using TakeAll = void (*)(const StepPlan&, const RowStep* steps, size_t count);

  StepPlan plan_;
  TakeAll take_;
  std::shared_ptr<const BiasCorrections> corrections1_, corrections2_;
  std::vector<Terms> scratch_;
};

}  // namespace tandem
