#include "core/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/stepper.h"

namespace tandem {
namespace {

struct KindName {
  const char* name;
  OptimizerKind kind;
};

struct FormName {
  const char* name;
  PenaltyForm form;
};

struct Option {
  const char* name;
  double Optimizer::* member;
  double minimum, maximum;
};

constexpr KindName kKinds[] = {{"sgd", OptimizerKind::kSgd},           {"adagrad", OptimizerKind::kAdagrad},
                               {"adam", OptimizerKind::kAdam},         {"momentum", OptimizerKind::kMomentum},
                               {"nesterov", OptimizerKind::kNesterov}, {"ftrl", OptimizerKind::kFtrl}};

constexpr FormName kForms[] = {{"prox", PenaltyForm::kProx},
                               {"dual_averaging", PenaltyForm::kDualAveraging},
                               {"published", PenaltyForm::kPublished}};

constexpr double kAny = std::numeric_limits<double>::max();
// Betas below 1 by so much that 1 - beta, as the float of a formula, is not 0.
constexpr double kBelowOne = 1 - 1e-9;

constexpr Option kOptions[] = {{"initial_accumulator", &Optimizer::initial_accumulator, 0, kAny},
                               {"beta1", &Optimizer::beta1, 0, kBelowOne},
                               {"beta2", &Optimizer::beta2, 0, kBelowOne},
                               {"epsilon", &Optimizer::epsilon, 0, kAny},
                               {"momentum", &Optimizer::momentum, 0, kBelowOne},
                               {"power", &Optimizer::power, 0, 1},
                               {"l1", &Optimizer::l1, 0, kAny},
                               {"l2", &Optimizer::l2, 0, kAny},
                               {"l21", &Optimizer::l21, 0, kAny}};

bool Exists(OptimizerKind kind, PenaltyForm form) {
  if (form == PenaltyForm::kNone) return true;
  if (kind == OptimizerKind::kSgd) return form == PenaltyForm::kProx;
  return kind == OptimizerKind::kAdagrad || kind == OptimizerKind::kAdam;
}

bool KeepsPull(const Optimizer& optimizer) {
  return optimizer.kind == OptimizerKind::kFtrl || optimizer.form == PenaltyForm::kDualAveraging ||
         optimizer.form == PenaltyForm::kPublished;
}

// Which slot is a sum of squares; -1: none.
int SquaresSlot(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kFtrl:
      return 0;
    case OptimizerKind::kAdam:
      return 1;
    default:
      return -1;
  }
}

int BaseSlots(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kSgd:
      return 0;
    case OptimizerKind::kAdam:
      return 2;
    default:
      return 1;
  }
}

}  // namespace

int Optimizer::slots() const { return BaseSlots(kind) + (KeepsPull(*this) ? 1 : 0); }

Status ReadOptimizerKind(const std::string& name, Optimizer* optimizer) {
  const size_t colon = name.find(':');
  const std::string base = colon == std::string::npos ? name : name.substr(colon + 1);
  const auto kind =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const KindName& k) { return base == k.name; });
  PenaltyForm form = PenaltyForm::kNone;
  bool known = kind != std::end(kKinds);
  if (colon != std::string::npos) {
    const std::string prefix = name.substr(0, colon);
    const auto found =
        std::find_if(std::begin(kForms), std::end(kForms), [&](const FormName& f) { return prefix == f.name; });
    known = known && found != std::end(kForms);
    if (known) form = found->form;
  }
  if (!known || !Exists(kind->kind, form)) {
    return Status::Refused("optimizer \"" + name +
                           "\" is not known: it is one of sgd, momentum, nesterov, adagrad, adam, ftrl, prox:sgd, and "
                           "prox:, dual_averaging: or published: before adagrad or adam");
  }
  optimizer->kind = kind->kind;
  optimizer->form = form;
  return Status();
}

Status SetOptimizerOption(const std::string& name, double value, Optimizer* optimizer) {
  for (const Option& option : kOptions) {
    if (name != option.name) continue;
    optimizer->*option.member = value;
    return Status();
  }
  return Status::Refused("optimizer option \"" + name + "\" is not known");
}

Status CheckOptimizer(const Optimizer& optimizer) {
  for (const Option& option : kOptions) {
    const double value = optimizer.*option.member;
    // A double may be finite where its float is not.
    if (value >= option.minimum && value <= option.maximum && std::isfinite(static_cast<float>(value))) continue;
    return Status::Refused("optimizer option " + std::string(option.name) + " is " + std::to_string(value) +
                           ", out of its range");
  }
  const bool start = optimizer.kind == OptimizerKind::kAdagrad || optimizer.kind == OptimizerKind::kFtrl;
  const bool roots = SquaresSlot(optimizer.kind) >= 0;
  const double least = optimizer.epsilon + (start ? optimizer.initial_accumulator : 0);
  if (roots && static_cast<float>(least) == 0) {
    return Status::Refused("optimizer option epsilon must be above 0 where squares begin at 0");
  }
  return Status();
}

Status CheckLearningRate(const Optimizer& optimizer, float learning_rate) {
  if (!std::isfinite(learning_rate)) return Status::Refused("learning_rate is not finite");
  if (optimizer.form == PenaltyForm::kProx && learning_rate < 0) {
    return Status::Refused("learning_rate is negative, which the prox form has no step for");
  }
  if (KeepsPull(optimizer) && learning_rate < std::numeric_limits<float>::min()) {
    return Status::Refused("learning_rate must be positive: this optimizer divides by it. Skip the step instead of 0");
  }
  return Status();
}

void InitSlots(const Optimizer& optimizer, int dim, float* slots) {
  std::fill_n(slots, optimizer.slots() * dim, 0.0f);
  if (optimizer.kind == OptimizerKind::kAdagrad || optimizer.kind == OptimizerKind::kFtrl) {
    std::fill_n(slots, dim, static_cast<float>(optimizer.initial_accumulator));
  }
}

bool SlotsArePossible(const Optimizer& optimizer, int dim, const float* slots) {
  const int at = SquaresSlot(optimizer.kind);
  if (at < 0) return true;
  return std::all_of(slots + at * dim, slots + (at + 1) * dim, [](float s) { return s >= 0; });
}

void TakeStep(const Optimizer& optimizer, int dim, float learning_rate, int64_t t, const float* grad, float* row,
              float* slots) {
  Stepper(optimizer, dim, learning_rate)(t, grad, row, slots);
}

}  // namespace tandem
