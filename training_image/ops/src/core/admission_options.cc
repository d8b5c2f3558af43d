#include "core/admission_options.h"

#include <cmath>
#include <limits>
#include <utility>

namespace tandem {
namespace {

constexpr std::pair<const char*, AdmissionRule> kRules[] = {
    {"every", AdmissionRule::kEvery},
    {"count", AdmissionRule::kCount},
    {"bernoulli", AdmissionRule::kBernoulli},
    {"poisson", AdmissionRule::kPoisson},
    {"gamma_poisson", AdmissionRule::kGammaPoisson},
};

template <typename Integer>
Status SetInteger(const std::string& name, double value, Integer* place) {
  // The greatest that a double holds exactly bounds what is wider.
  constexpr double kMost = sizeof(Integer) == 4 ? std::numeric_limits<uint32_t>::max() : 0x1p53;
  if (!(value >= 0 && value <= kMost && value == std::floor(value))) {
    return Status::Refused("admission." + name + " must be a whole number in 0 ... " + std::to_string(kMost) +
                           ", not " + std::to_string(value));
  }
  *place = static_cast<Integer>(value);
  return {};
}

}  // namespace

Status CheckAdmission(const AdmissionOptions& options) {
  if (options.rule > AdmissionRule::kGammaPoisson) return Status::Refused("admission: there is no such rule");
  if (options.threshold < 1 || options.threshold > kMostThreshold) {
    return Status::Refused("admission.threshold must be in 1 ... " + std::to_string(kMostThreshold) + ", not " +
                           std::to_string(options.threshold));
  }
  if (!(options.confidence >= 0 && options.confidence <= 1)) {
    return Status::Refused("admission.confidence must be in 0 ... 1, not " + std::to_string(options.confidence));
  }
  if (options.rule == AdmissionRule::kBernoulli && options.confidence == 0) {
    return Status::Refused("admission: with probability 0 no id would ever get a row");
  }
  if (Predicts(options.rule) && options.horizon == 0 && options.ends_at == 0) {
    return Status::Refused("admission: the rule needs a horizon, or ends_at, the event time at which training ends");
  }
  if (CountsIds(options.rule) && (options.sketch_bytes == 0 || options.sketch_bytes > kMostSketchBytes)) {
    return Status::Refused("admission.sketch_bytes must be in 1 ... 2^40 for a rule that counts ids, not " +
                           std::to_string(options.sketch_bytes));
  }
  return {};
}

Status ReadAdmissionRule(const std::string& kind, AdmissionOptions* options) {
  for (const auto& [name, rule] : kRules) {
    if (kind == name) {
      options->rule = rule;
      return {};
    }
  }
  return Status::Refused("admission: there is no rule \"" + kind + "\"");
}

Status SetAdmissionOption(const std::string& name, double value, AdmissionOptions* options) {
  if (name == "threshold") return SetInteger(name, value, &options->threshold);
  if (name == "horizon") return SetInteger(name, value, &options->horizon);
  if (name == "ends_at") return SetInteger(name, value, &options->ends_at);
  if (name == "sketch_bytes") return SetInteger(name, value, &options->sketch_bytes);
  if (name != "confidence") return Status::Refused("admission: no rule has an option \"" + name + "\"");
  options->confidence = value;
  return {};
}

}  // namespace tandem
