// The bases of a step: how each turns a gradient and its slots into the direction m̂ and the root √V̂.
//
// Memory:  the numbers of one row's step; slots in place, slot after slot.
// Threads: values.
//
// Each has kSlots, kRooted (whether it has a metric: x moves by m̂ / (√V̂ + ε) rather than by m̂), a constructor for a row,
// and Next, which updates the slots of vector v and returns what moves its weights.
#pragma once

#include "core/lanes.h"
#include "core/stepper.h"

namespace tandem {

struct Direction {
  F8 m, root;
};

struct SgdBase {
  static constexpr int kSlots = 0;
  static constexpr bool kRooted = false;
  SgdBase(const StepPlan&, int64_t, float*) {}
  template <class Row>
  Direction Next(const Row&, int, F8 g) const {
    return {g, All(1)};
  }
};

// m <- momentum m + g; Nesterov looks one step ahead: g + momentum m.
template <bool kNesterov>
struct MomentumBase {
  static constexpr int kSlots = 1;
  static constexpr bool kRooted = false;
  MomentumBase(const StepPlan& plan, int64_t, float* slots) : momentum(All(plan.momentum)), sum(slots) {}
  template <class Row>
  Direction Next(const Row& row, int v, F8 g) const {
    const F8 m = momentum * row.Load(sum, v) + g;
    row.Store(sum, v, m);
    return {kNesterov ? g + momentum * m : m, All(1)};
  }
  F8 momentum;
  float* sum;
};

// a <- a + g^2
struct AdagradBase {
  static constexpr int kSlots = 1;
  static constexpr bool kRooted = true;
  AdagradBase(const StepPlan&, int64_t, float* slots) : squares(slots) {}
  template <class Row>
  Direction Next(const Row& row, int v, F8 g) const {
    const F8 a = row.Load(squares, v) + g * g;
    row.Store(squares, v, a);
    return {g, Root(a)};
  }
  float* squares;
};

// The same with a^power for the root: a product of repeated square roots, one for each bit of the power.
struct FtrlBase {
  static constexpr int kSlots = 1;
  static constexpr bool kRooted = true;
  FtrlBase(const StepPlan& plan, int64_t, float* slots) : power(plan.power), squares(slots) {}
  template <class Row>
  Direction Next(const Row& row, int v, F8 g) const {
    const F8 a = row.Load(squares, v) + g * g;
    row.Store(squares, v, a);
    return {g, ToPower(a)};
  }
  F8 ToPower(F8 a) const {
    constexpr uint32_t kOne = 1u << 24;
    if (power == kOne / 2) return Root(a);
    F8 result = power & kOne ? a : All(1);
    for (uint32_t rest = power & (kOne - 1); rest != 0; rest = (rest << 1) & (kOne - 1)) {
      a = Root(a);
      if (rest & (kOne / 2)) result = result * a;
    }
    return result;
  }
  uint32_t power;
  float* squares;
};

// m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2; both divided by 1 - beta^t
struct AdamBase {
  static constexpr int kSlots = 2;
  static constexpr bool kRooted = true;
  AdamBase(const StepPlan& plan, int64_t t, float* slots)
      : beta1(All(plan.beta1)),
        rest1(All(plan.rest1)),
        beta2(All(plan.beta2)),
        rest2(All(plan.rest2)),
        correct1(All(plan.corrections1->At(t))),
        correct2(All(plan.corrections2->At(t))),
        first(slots),
        second(slots + plan.dim) {}
  template <class Row>
  Direction Next(const Row& row, int v, F8 g) const {
    const F8 m = beta1 * row.Load(first, v) + rest1 * g;
    const F8 w = beta2 * row.Load(second, v) + rest2 * (g * g);
    row.Store(first, v, m);
    row.Store(second, v, w);
    return {m * correct1, Root(w * correct2)};
  }
  F8 beta1, rest1, beta2, rest2, correct1, correct2;
  float *first, *second;
};

}  // namespace tandem
