// One step of an optimizer on one row.
//
// Memory:  a row of `dim` floats, and behind it its slots, slots() * dim floats, slot after slot:
//            SGD: none.   Adagrad: accumulator.   Adam: first moment m, second moment v.
// Threads: pure functions over memory of the caller, who holds whatever lock guards the row.
//
// t is the row's own count of steps, the present one included (1 at the first), so that a row born late is corrected
// like one born early. The same bits on every CPU: float32 arithmetic in the written order, no contraction to fused
// multiply-adds (-ffp-contract=off), no reassociation, correctly rounded sqrt and division; powers by repeated squaring
// in double. Adding an optimizer: a kind, its slots, its start, its step.
#pragma once

#include <cstdint>

#include "core/status.h"

namespace tandem {

enum class OptimizerKind { kSgd, kAdagrad, kAdam };

struct Optimizer {
  OptimizerKind kind = OptimizerKind::kSgd;
  double initial_accumulator = 0;  // Adagrad
  double beta1 = 0, beta2 = 0;     // Adam
  double epsilon = 0;              // Adagrad, Adam: added to the root

  int slots() const;
};

// Writes the slots of a row that has taken no step.
void InitSlots(const Optimizer& optimizer, int dim, float* slots);

// Takes step t of one row. `learning_rate` is finite; `grad` does not overlap `row`.
void TakeStep(const Optimizer& optimizer, int dim, float learning_rate, int64_t t, const float* grad, float* row,
              float* slots);

// Whether these slots can have come from this optimizer: sums of squares are never negative.
bool SlotsArePossible(const Optimizer& optimizer, int dim, const float* slots);

}  // namespace tandem
