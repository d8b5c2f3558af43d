#include "core/admission_options.h"

#include <cmath>
#include <string>

#include "core/tests/check.h"

namespace tandem {
namespace {

AdmissionOptions Options(AdmissionRule rule, uint32_t threshold, uint32_t horizon, double confidence) {
  AdmissionOptions options;
  options.rule = rule;
  options.threshold = threshold;
  options.horizon = horizon;
  options.confidence = confidence;
  return options;
}

TEST(ImpossibleRulesAreRefused) {
  struct Case {
    const char* says;
    AdmissionOptions options;
  };
  AdmissionOptions no_sketch = Options(AdmissionRule::kCount, 2, 0, 0);
  no_sketch.sketch_bytes = 0;
  AdmissionOptions vast = Options(AdmissionRule::kPoisson, 2, 10, 0.5);
  vast.sketch_bytes = kMostSketchBytes + 1;
  const Case cases[] = {
      {"no such rule", Options(static_cast<AdmissionRule>(5), 1, 0, 0.5)},
      {"threshold", Options(AdmissionRule::kCount, 0, 0, 0)},
      {"threshold", Options(AdmissionRule::kCount, kMostThreshold + 1, 0, 0)},
      {"confidence", Options(AdmissionRule::kPoisson, 2, 10, -0.1)},
      {"confidence", Options(AdmissionRule::kPoisson, 2, 10, 1.1)},
      {"confidence", Options(AdmissionRule::kPoisson, 2, 10, std::nan(""))},
      {"probability 0", Options(AdmissionRule::kBernoulli, 1, 0, 0)},
      {"horizon", Options(AdmissionRule::kPoisson, 2, 0, 0.5)},
      {"horizon", Options(AdmissionRule::kGammaPoisson, 2, 0, 0.5)},
      {"sketch_bytes", no_sketch},
      {"sketch_bytes", vast},
  };
  for (const Case& c : cases) {
    const Status status = CheckAdmission(c.options);
    CHECK(!status.ok() && status.why().find(c.says) != std::string::npos);
  }
  for (const char* kind : {"every", "count", "bernoulli", "poisson", "gamma_poisson"}) {
    AdmissionOptions options = Options(AdmissionRule::kEvery, 10, 100, 0.2);
    CHECK(ReadAdmissionRule(kind, &options).ok() && CheckAdmission(options).ok());
  }
}

TEST(OptionsAreSetByTheirNames) {
  AdmissionOptions options;
  CHECK(ReadAdmissionRule("gamma_poisson", &options).ok() && options.rule == AdmissionRule::kGammaPoisson);
  CHECK(SetAdmissionOption("threshold", 7, &options).ok() && options.threshold == 7);
  CHECK(SetAdmissionOption("horizon", 4294967295.0, &options).ok() && options.horizon == 4294967295u);
  CHECK(SetAdmissionOption("ends_at", 12, &options).ok() && options.ends_at == 12);
  CHECK(SetAdmissionOption("confidence", 0.3, &options).ok() && options.confidence == 0.3);
  CHECK(SetAdmissionOption("sketch_bytes", 1099511627776.0, &options).ok() && options.sketch_bytes == 1ULL << 40);
  CHECK(!ReadAdmissionRule("often", &options).ok());
  CHECK(!SetAdmissionOption("thresholds", 1, &options).ok());
  for (const double value : {-1.0, 0.5, 4294967296.0, 1e300, std::nan("")}) {
    CHECK(!SetAdmissionOption("threshold", value, &options).ok());
  }
  CHECK(options.threshold == 7);
}

}  // namespace
}  // namespace tandem
