#include "core/stepper.h"

#include <cmath>
#include <limits>

#include "core/group_lasso.h"
#include "core/step_bases.h"

namespace tandem {
namespace {

// The terms of kRows rows: on the stack where the dim is known here, the Stepper's elsewhere.
template <int kRows, class Row>
struct Work {
  explicit Work(const StepPlan& plan) : terms(plan.scratch) {}
  Terms* const terms;
};

template <int kRows, int kVectors>
struct Work<kRows, WholeRow<kVectors>> {
  explicit Work(const StepPlan&) {}
  Terms terms[kRows * kVectors];
};

// Added to a weight so that zero is +0.
const F8 kNoSign = {};

template <class Base>
F8 Metric(const Direction& next, float epsilon) {
  return Base::kRooted ? next.root + All(epsilon) : next.root;
}

template <class Base, class Row>
struct Plain {
  template <int kRows>
  static void Take(const StepPlan& plan, const RowStep* steps) {
    const Row row(plan.dim);
    for (int i = 0; i < kRows; ++i) {
      const RowStep& step = steps[i];
      const Base base(plan, step.t, step.slots);
      for (int v = 0; v < row.vectors(); ++v) {
        const Direction next = base.Next(row, v, row.Load(step.grad, v));
        F8 move = All(plan.rate) * next.m;
        if (Base::kRooted) move = move / Metric<Base>(next, plan.epsilon);
        row.Store(step.row, v, row.Load(step.row, v) - move);
      }
    }
  }
};

template <class Base, class Row>
struct Prox {
  template <int kRows>
  static void Take(const StepPlan& plan, const RowStep* steps) {
    const Row row(plan.dim);
    Work<kRows, Row> work(plan);
    const float scale = ScaleOf(plan.group);
    F8 before[kLanes] = {};
    Terms* of = work.terms;
    for (int i = 0; i < kRows; ++i) {
      const Base base(plan, steps[i].t, steps[i].slots);
      for (int v = 0; v < row.vectors(); ++v, ++of) {
        const Direction next = base.Next(row, v, row.Load(steps[i].grad, v));
        const F8 x = row.Load(steps[i].row, v);
        const F8 h = Metric<Base>(next, plan.epsilon);
        of->s = SoftThreshold(h * x - All(plan.rate) * next.m, plan.l1);
        of->d = h + All(plan.twice_l2);
        of->u = of->s * All(scale);
        of->a = of->d * All(scale);
        before[i] = before[i] + x * x;
      }
    }
    F8 pulls = All(0);
    if (plan.group > 0) {
      const F8 norms = GroupNorms<kRows>(row, work.terms, All(plan.group * scale), SumEach(before));
      pulls = All(plan.group) / norms;
    }
    const PerRow pull(pulls);
    of = work.terms;
    for (int i = 0; i < kRows; ++i) {
      for (int v = 0; v < row.vectors(); ++v, ++of) {
        row.Store(steps[i].row, v, of->s / (of->d + All(pull[i])) + kNoSign);
      }
    }
  }
};

template <class Base, class Row>
struct DualAveraging {
  template <int kRows>
  static void Take(const StepPlan& plan, const RowStep* steps) {
    const Row row(plan.dim);
    Work<kRows, Row> work(plan);
    F8 before[kLanes] = {};
    alignas(32) float k[kLanes] = {}, scaled[kLanes] = {};
    Terms* of = work.terms;
    for (int i = 0; i < kRows; ++i) {
      const Base base(plan, steps[i].t, steps[i].slots);
      const float* const r = steps[i].slots + Base::kSlots * plan.dim;
      const auto t = static_cast<float>(steps[i].t);
      k[i] = t * plan.group;
      const float scale = ScaleOf(k[i]);
      scaled[i] = k[i] * scale;
      for (int v = 0; v < row.vectors(); ++v, ++of) {
        const Direction next = base.Next(row, v, row.Load(steps[i].grad, v));
        const F8 x = row.Load(steps[i].row, v);
        of->d = Metric<Base>(next, plan.epsilon) * All(plan.inverse_rate);
        of->s = (of->d * x - next.m) - row.Load(r, v);
        of->u = SoftThreshold(of->s, t * plan.l1) * All(scale);
        of->a = (of->d + All(t * plan.twice_l2)) * All(scale);
        before[i] = before[i] + x * x;
      }
    }
    F8 pulls = All(0);
    if (plan.group > 0) {
      const F8 norms = GroupNorms<kRows>(row, work.terms, _mm256_load_ps(scaled), SumEach(before));
      pulls = _mm256_load_ps(k) / norms;
    }
    const PerRow pull(pulls);
    of = work.terms;
    for (int i = 0; i < kRows; ++i) {
      float* const r = steps[i].slots + Base::kSlots * plan.dim;
      const auto t = static_cast<float>(steps[i].t);
      for (int v = 0; v < row.vectors(); ++v, ++of) {
        const F8 a = of->d + All(t * plan.twice_l2) + All(pull[i]);
        const F8 x = SoftThreshold(of->s, t * plan.l1) / a + kNoSign;
        row.Store(steps[i].row, v, x);
        row.Store(r, v, of->d * x - of->s);
      }
    }
  }
};

// The factors of the published shrink, max(0, 1 - k / norm), from the squares of the norms.
F8 PublishedFactors(F8 square, F8 k) {
  const F8 lost = _mm256_cmp_ps(square, All(std::numeric_limits<float>::infinity()), _CMP_NLT_UQ);
  const F8 dies = _mm256_cmp_ps(square, k * k, _CMP_LE_OQ);
  return _mm256_blendv_ps(_mm256_andnot_ps(dies, All(1) - k / Root(square)), All(1), lost);
}

// FTRL and the published form: the penalties count once, whatever t.
template <class Base, class Row>
struct Once {
  template <int kRows>
  static void Take(const StepPlan& plan, const RowStep* steps) {
    const Row row(plan.dim);
    Work<kRows, Row> work(plan);
    const float scale = ScaleOf(plan.group);
    F8 squares[kLanes] = {};
    Terms* of = work.terms;
    for (int i = 0; i < kRows; ++i) {
      const Base base(plan, steps[i].t, steps[i].slots);
      const float* const r = steps[i].slots + Base::kSlots * plan.dim;
      for (int v = 0; v < row.vectors(); ++v, ++of) {
        const Direction next = base.Next(row, v, row.Load(steps[i].grad, v));
        of->d = (next.root + All(plan.epsilon)) * All(plan.inverse_rate);
        of->s = (of->d * row.Load(steps[i].row, v) - next.m) - row.Load(r, v);
        of->u = SoftThreshold(of->s, plan.l1);
        const F8 u = of->u * All(scale);
        squares[i] = squares[i] + u * u;
      }
    }
    F8 factors = All(1);
    if (plan.group > 0) factors = PublishedFactors(SumEach(squares), All(plan.group * scale));
    const PerRow factor(factors);
    of = work.terms;
    for (int i = 0; i < kRows; ++i) {
      float* const r = steps[i].slots + Base::kSlots * plan.dim;
      const F8 lives = All(factor[i]);
      for (int v = 0; v < row.vectors(); ++v, ++of) {
        const F8 a = of->d + All(plan.twice_l2);
        const F8 stays = WherePositive(lives, row.Load(steps[i].row, v), All(0));
        const F8 x = WherePositive(a, lives * of->u / a, stays) + kNoSign;
        row.Store(steps[i].row, v, x);
        row.Store(r, v, of->d * x - of->s);
      }
    }
  }
};

template <class Way>
void InEights(const StepPlan& plan, const RowStep* steps, size_t count) {
  for (; count >= kLanes; steps += kLanes, count -= kLanes) Way::template Take<kLanes>(plan, steps);
  for (; count > 0; ++steps, --count) Way::template Take<1>(plan, steps);
}

using TakeAll = void (*)(const StepPlan&, const RowStep*, size_t);

template <class Row>
TakeAll ProxOf(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kAdagrad:
      return InEights<Prox<AdagradBase, Row>>;
    case OptimizerKind::kAdam:
      return InEights<Prox<AdamBase, Row>>;
    default:
      return InEights<Prox<SgdBase, Row>>;
  }
}

template <class Row>
TakeAll PlainOf(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kSgd:
      return InEights<Plain<SgdBase, Row>>;
    case OptimizerKind::kMomentum:
      return InEights<Plain<MomentumBase<false>, Row>>;
    case OptimizerKind::kNesterov:
      return InEights<Plain<MomentumBase<true>, Row>>;
    case OptimizerKind::kAdagrad:
      return InEights<Plain<AdagradBase, Row>>;
    case OptimizerKind::kAdam:
      return InEights<Plain<AdamBase, Row>>;
    case OptimizerKind::kFtrl:
      break;
  }
  return InEights<Once<FtrlBase, Row>>;
}

template <class Row>
TakeAll TakeOf(OptimizerKind kind, PenaltyForm form) {
  const bool adam = kind == OptimizerKind::kAdam;
  switch (form) {
    case PenaltyForm::kProx:
      return ProxOf<Row>(kind);
    case PenaltyForm::kDualAveraging:
      return adam ? InEights<DualAveraging<AdamBase, Row>> : InEights<DualAveraging<AdagradBase, Row>>;
    case PenaltyForm::kPublished:
      return adam ? InEights<Once<AdamBase, Row>> : InEights<Once<AdagradBase, Row>>;
    case PenaltyForm::kNone:
      break;
  }
  return PlainOf<Row>(kind);
}

TakeAll TakeOf(OptimizerKind kind, PenaltyForm form, int dim) {
  switch (dim) {
    case 8:
      return TakeOf<WholeRow<1>>(kind, form);
    case 16:
      return TakeOf<WholeRow<2>>(kind, form);
    case 32:
      return TakeOf<WholeRow<4>>(kind, form);
    case 64:
      return TakeOf<WholeRow<8>>(kind, form);
    default:
      return TakeOf<AnyRow>(kind, form);
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
  take_ = TakeOf(optimizer.kind, base ? PenaltyForm::kNone : optimizer.form, dim);
  if (optimizer.kind == OptimizerKind::kAdam) {
    corrections1_ = BiasCorrectionsOf(optimizer.beta1);
    corrections2_ = BiasCorrectionsOf(optimizer.beta2);
    plan_.corrections1 = corrections1_.get();
    plan_.corrections2 = corrections2_.get();
  }
  scratch_.resize(kLanes * static_cast<size_t>(AnyRow(dim).vectors()));
  plan_.scratch = scratch_.data();
}

}  // namespace tandem
