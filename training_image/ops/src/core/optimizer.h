// What an optimizer is: its kind, the form of its penalties, their numbers, and the slots beside each row.
//
// Memory:  a row of `dim` floats, and behind it its slots, slots() * dim floats, slot after slot:
//            SGD               none
//            Momentum          m, the running sum of gradients (Nesterov the same)
//            Adagrad           a, the sum of squares
//            Adam              m, first moment; v, second moment
//            FTRL              a, the sum of squares; r, the pull (below)
//            prox              the base's
//            dual averaging,   the base's; r, the pull
//            published
// Threads: pure functions over memory of the caller.
//
// The pull is r = z + D∘x after each step (FTRL, dual averaging, published): the next z is r + m̂ − D∘x, algebraically
// z + m̂ − (D − D_before)∘x. Kept instead of z because it needs no D of the step before, stays right when the learning
// rate changes, does not cancel (without penalties it is the rounding of the last step), and begins at exactly 0, which
// is z_0 = −D_0∘x_1. Where x is 0 it is z.
//
// How a step is taken: core/stepper.h. Adding an optimizer: a kind, its slots, its start here; its step there.
#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"

namespace tandem {

enum class OptimizerKind { kSgd, kAdagrad, kAdam, kMomentum, kNesterov, kFtrl };

// How l1, l2 and l21 act: not at all, by the exact shrink after the base's step, by the exact minimiser of all steps so
// far, or by the closed form as published.
enum class PenaltyForm { kNone, kProx, kDualAveraging, kPublished };

struct Optimizer {
  OptimizerKind kind = OptimizerKind::kSgd;
  double initial_accumulator = 0;  // Adagrad, FTRL
  double beta1 = 0, beta2 = 0;     // Adam
  double epsilon = 0;              // Adagrad, Adam, FTRL: added to the root
  double momentum = 0;             // Momentum, Nesterov
  double power = 0.5;              // FTRL: D = (a^power + epsilon) / learning_rate; in [0, 1], its first 24 bits count
  PenaltyForm form = PenaltyForm::kNone;
  double l1 = 0, l2 = 0, l21 = 0;  // the forms; FTRL: l1 and l2

  int slots() const;
};

// Sets kind and form from a name: "adam", "prox:adam", … Refuses an unknown name and a pair that does not exist.
Status ReadOptimizerKind(const std::string& name, Optimizer* optimizer);

// Sets one number by the name of its member. Refuses an unknown name.
Status SetOptimizerOption(const std::string& name, double value, Optimizer* optimizer);

// Refuses numbers outside their range; what is accepted never divides by 0.
Status CheckOptimizer(const Optimizer& optimizer);

// Refuses a learning rate that is not finite; one below 0 for prox; one that is not positive (or so small that its
// inverse overflows) for the forms that divide by it.
Status CheckLearningRate(const Optimizer& optimizer, float learning_rate);

// Writes the slots of a row that has taken no step.
void InitSlots(const Optimizer& optimizer, int dim, float* slots);

// Whether these slots can have come from this optimizer: sums of squares are never negative.
bool SlotsArePossible(const Optimizer& optimizer, int dim, const float* slots);

// Takes step t of one row; for many steps make a Stepper. `learning_rate` is one that CheckLearningRate accepts; `grad`
// does not overlap `row`.
void TakeStep(const Optimizer& optimizer, int dim, float learning_rate, int64_t t, const float* grad, float* row,
              float* slots);

}  // namespace tandem
