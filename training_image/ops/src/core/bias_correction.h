// 1 / (1 - beta^t) for every t, as the float that a step multiplies by.
//
// Memory:  one float per t up to where it is 1 for good (0.9: 172 entries, 0.999: 18 013), at most 65 536; beyond that
//          it is computed. Tables are made once per beta and shared by the whole process, the newest 16 of them.
// Threads: a table is immutable; BiasCorrectionsOf may be called from any thread.
//
// The power is by repeated squaring in double: multiplications only, so the same bits on any CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tandem {

// base^exponent; 1 for exponents below 1.
double Power(double base, int64_t exponent);

// The formula itself.
float BiasCorrection(double beta, int64_t t);

class BiasCorrections {
 public:
  explicit BiasCorrections(double beta);

  // The same bits as BiasCorrection(beta, t).
  float At(int64_t t) const {
    const auto at = static_cast<uint64_t>(t) - 1;
    return at < values_.size() ? values_[at] : Beyond(t);
  }

  double beta() const { return beta_; }
  size_t size() const { return values_.size(); }

 private:
  float Beyond(int64_t t) const;

  double beta_;
  std::vector<float> values_;
};

std::shared_ptr<const BiasCorrections> BiasCorrectionsOf(double beta);

}  // namespace tandem
