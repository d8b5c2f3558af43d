// What an admission filter is told: its rule and the numbers of the rule.
//
// Memory:  a value.
// Threads: pure functions of values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/status.h"

namespace tandem {

enum class AdmissionRule : uint32_t { kEvery = 0, kCount = 1, kBernoulli = 2, kPoisson = 3, kGammaPoisson = 4 };

inline constexpr uint32_t kMostThreshold = 1000000;  // an entry of the sketch counts no further than 2^20
inline constexpr uint64_t kMostSketchBytes = uint64_t{1} << 40;

struct AdmissionOptions {
  AdmissionRule rule = AdmissionRule::kEvery;
  uint32_t threshold = 1;   // θ: occurrences that make an id worth a row; 1 ... kMostThreshold
  uint32_t horizon = 0;     // ticks within which they must come, and how long counts are remembered; 0: no bound
  uint32_t ends_at = 0;     // event time at which the training ends; 0: never
  double confidence = 0.2;  // Poisson rules: the least q, or 0 to draw; Bernoulli: the probability
  uint64_t sketch_bytes = 4 << 20;  // of the rules that count
  uint64_t seed = 0;
};

inline bool CountsIds(AdmissionRule rule) { return rule != AdmissionRule::kEvery && rule != AdmissionRule::kBernoulli; }
inline bool Predicts(AdmissionRule rule) {
  return rule == AdmissionRule::kPoisson || rule == AdmissionRule::kGammaPoisson;
}

// Says why these options cannot be.
Status CheckAdmission(const AdmissionOptions& options);

// Sets the rule by its name: every count bernoulli poisson gamma_poisson.
Status ReadAdmissionRule(const std::string& kind, AdmissionOptions* options);

// Sets a number by its member's name; refuses an unknown name and a value that the member cannot hold.
Status SetAdmissionOption(const std::string& name, double value, AdmissionOptions* options);

}  // namespace tandem
