#include "core/stepper.h"

#include <cmath>

#include "core/group_lasso.h"
#include "core/step_bases.h"

namespace tandem {
namespace {

// The terms of one row: on the stack where the dim is known here, the Stepper's elsewhere.
template <class Row>
struct Work {
  explicit Work(const StepPlan& plan) : terms(plan.scratch) {}
  Terms& operator[](int v) { return terms[v]; }
  Terms* const terms;
};

template <int kVectors>
struct Work<WholeRow<kVectors>> {
  explicit Work(const StepPlan&) {}
  Terms& operator[](int v) { return terms[v]; }
  Terms terms[kVectors];
};

template <class Base>
F8 Metric(const Direction& next, float epsilon) {
  return Base::kRooted ? next.root + All(epsilon) : next.root;
}

template <class Base, class Row>
void PlainStep(const StepPlan& plan, int64_t t, const float* grad, float* x, float* slots) {
  const Row row(plan.dim);
  const Base base(plan, t, slots);
  for (int v = 0; v < row.vectors(); ++v) {
    const Direction next = base.Next(row, v, row.Load(grad, v));
    F8 step = All(plan.rate) * next.m;
    if (Base::kRooted) step = step / Metric<Base>(next, plan.epsilon);
    row.Store(x, v, row.Load(x, v) - step);
  }
}

template <class Base, class Row>
void ProxStep(const StepPlan& plan, int64_t t, const float* grad, float* x, float* slots) {
  const Row row(plan.dim);
  const Base base(plan, t, slots);
  Work<Row> work(plan);
  const float scale = ScaleOf(plan.group);
  F8 before = All(0);
  for (int v = 0; v < row.vectors(); ++v) {
    const Direction next = base.Next(row, v, row.Load(grad, v));
    const F8 old = row.Load(x, v);
    const F8 h = Metric<Base>(next, plan.epsilon);
    work[v].s = SoftThreshold(h * old - All(plan.rate) * next.m, plan.l1);
    work[v].d = h + All(plan.twice_l2);
    work[v].u = work[v].s * All(scale);
    work[v].a = work[v].d * All(scale);
    before = before + old * old;
  }
  float pull = 0;
  if (plan.group > 0) pull = GroupPull(row, work.terms, plan.group * scale, Sum(before));
  for (int v = 0; v < row.vectors(); ++v) row.Store(x, v, work[v].s / (work[v].d + All(pull)));
}

template <class Base, class Row>
void DualAveragingStep(const StepPlan& plan, int64_t t, const float* grad, float* x, float* slots) {
  const Row row(plan.dim);
  const Base base(plan, t, slots);
  Work<Row> work(plan);
  float* const r = slots + Base::kSlots * plan.dim;
  const auto steps = static_cast<float>(t);
  const float l1 = steps * plan.l1, twice_l2 = steps * plan.twice_l2, group = steps * plan.group;
  const float scale = ScaleOf(group);
  F8 before = All(0);
  for (int v = 0; v < row.vectors(); ++v) {
    const Direction next = base.Next(row, v, row.Load(grad, v));
    const F8 old = row.Load(x, v);
    const F8 d = Metric<Base>(next, plan.epsilon) * All(plan.inverse_rate);
    work[v].s = (d * old - next.m) - row.Load(r, v);
    work[v].d = d;
    work[v].u = SoftThreshold(work[v].s, l1) * All(scale);
    work[v].a = (d + All(twice_l2)) * All(scale);
    before = before + old * old;
  }
  float pull = 0;
  if (group > 0) pull = GroupPull(row, work.terms, group * scale, Sum(before));
  for (int v = 0; v < row.vectors(); ++v) {
    const F8 now = SoftThreshold(work[v].s, l1) / (work[v].d + All(twice_l2) + All(pull));
    row.Store(x, v, now);
    row.Store(r, v, work[v].d * now - work[v].s);
  }
}

// The factor of the published shrink, max(0, 1 - k / norm).
float PublishedFactor(float square, float k) {
  if (square <= k * k) return 0;
  if (!(square <= std::numeric_limits<float>::max())) return 1;  // k is lost beside it
  return 1 - k / std::sqrt(square);
}

// FTRL and the published form: the penalties count once, whatever t.
template <class Base, class Row>
void OnceStep(const StepPlan& plan, int64_t t, const float* grad, float* x, float* slots) {
  const Row row(plan.dim);
  const Base base(plan, t, slots);
  Work<Row> work(plan);
  float* const r = slots + Base::kSlots * plan.dim;
  const float scale = ScaleOf(plan.group);
  F8 squares = All(0);
  for (int v = 0; v < row.vectors(); ++v) {
    const Direction next = base.Next(row, v, row.Load(grad, v));
    const F8 d = (next.root + All(plan.epsilon)) * All(plan.inverse_rate);
    work[v].s = (d * row.Load(x, v) - next.m) - row.Load(r, v);
    work[v].d = d;
    work[v].u = SoftThreshold(work[v].s, plan.l1);
    const F8 u = work[v].u * All(scale);
    squares = squares + u * u;
  }
  const float factor = plan.group > 0 ? PublishedFactor(Sum(squares), plan.group * scale) : 1.0f;
  for (int v = 0; v < row.vectors(); ++v) {
    const F8 a = work[v].d + All(plan.twice_l2);
    const F8 now = factor > 0 ? WherePositive(a, All(factor) * work[v].u / a, row.Load(x, v)) : All(0);
    row.Store(x, v, now);
    row.Store(r, v, work[v].d * now - work[v].s);
  }
}

using Step = void (*)(const StepPlan&, int64_t, const float*, float*, float*);

template <class Row>
Step ProxOf(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kAdagrad:
      return ProxStep<AdagradBase, Row>;
    case OptimizerKind::kAdam:
      return ProxStep<AdamBase, Row>;
    default:
      return ProxStep<SgdBase, Row>;
  }
}

template <class Row>
Step PlainOf(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kSgd:
      return PlainStep<SgdBase, Row>;
    case OptimizerKind::kMomentum:
      return PlainStep<MomentumBase<false>, Row>;
    case OptimizerKind::kNesterov:
      return PlainStep<MomentumBase<true>, Row>;
    case OptimizerKind::kAdagrad:
      return PlainStep<AdagradBase, Row>;
    case OptimizerKind::kAdam:
      return PlainStep<AdamBase, Row>;
    case OptimizerKind::kFtrl:
      break;
  }
  return OnceStep<FtrlBase, Row>;
}

template <class Row>
Step StepOf(OptimizerKind kind, PenaltyForm form) {
  const bool adam = kind == OptimizerKind::kAdam;
  switch (form) {
    case PenaltyForm::kProx:
      return ProxOf<Row>(kind);
    case PenaltyForm::kDualAveraging:
      return adam ? DualAveragingStep<AdamBase, Row> : DualAveragingStep<AdagradBase, Row>;
    case PenaltyForm::kPublished:
      return adam ? OnceStep<AdamBase, Row> : OnceStep<AdagradBase, Row>;
    case PenaltyForm::kNone:
      break;
  }
  return PlainOf<Row>(kind);
}

Step StepOf(OptimizerKind kind, PenaltyForm form, int dim) {
  switch (dim) {
    case 8:
      return StepOf<WholeRow<1>>(kind, form);
    case 16:
      return StepOf<WholeRow<2>>(kind, form);
    case 32:
      return StepOf<WholeRow<4>>(kind, form);
    case 64:
      return StepOf<WholeRow<8>>(kind, form);
    default:
      return StepOf<AnyRow>(kind, form);
  }
}

StepPlan PlanOf(const Optimizer& o, int dim, float rate, bool prox) {
  const double times = prox ? double{rate} : 1;
  StepPlan plan;
  plan.dim = dim;
  plan.rate = rate;
  plan.inverse_rate = 1 / rate;
  plan.beta1 = static_cast<float>(o.beta1);
  plan.rest1 = static_cast<float>(1 - o.beta1);
  plan.beta2 = static_cast<float>(o.beta2);
  plan.rest2 = static_cast<float>(1 - o.beta2);
  plan.epsilon = o.form == PenaltyForm::kPublished ? 0 : static_cast<float>(o.epsilon);
  plan.momentum = static_cast<float>(o.momentum);
  plan.power = static_cast<uint32_t>(o.power * (1 << 24) + 0.5);
  plan.l1 = static_cast<float>(times * o.l1);
  plan.twice_l2 = static_cast<float>(times * 2 * o.l2);
  if (o.form != PenaltyForm::kNone) plan.group = static_cast<float>(times * std::sqrt(double(dim)) * o.l21);
  return plan;
}

}  // namespace

Stepper::Stepper(const Optimizer& optimizer, int dim, float learning_rate) {
  const bool unpenalised = optimizer.l1 == 0 && optimizer.l2 == 0 && optimizer.l21 == 0;
  const bool prox = optimizer.form == PenaltyForm::kProx && !unpenalised && learning_rate != 0;
  plan_ = PlanOf(optimizer, dim, learning_rate, prox);
  const bool base = optimizer.form == PenaltyForm::kProx && !prox;
  step_ = StepOf(optimizer.kind, base ? PenaltyForm::kNone : optimizer.form, dim);
  if (optimizer.kind == OptimizerKind::kAdam) {
    corrections1_ = BiasCorrectionsOf(optimizer.beta1);
    corrections2_ = BiasCorrectionsOf(optimizer.beta2);
    plan_.corrections1 = corrections1_.get();
    plan_.corrections2 = corrections2_.get();
  }
  scratch_.resize(AnyRow(dim).vectors());
  plan_.scratch = scratch_.data();
}

}  // namespace tandem
