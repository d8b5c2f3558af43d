#include "core/bias_correction.h"

#include <algorithm>
#include <deque>
#include <mutex>

namespace tandem {
namespace {

constexpr size_t kMostEntries = 65536;
constexpr size_t kMostTables = 16;
// Below this power, 1 / (1 - power) rounds to the float 1, with room for the power's own rounding.
constexpr double kVanished = 0x1p-26;

}  // namespace

double Power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

float BiasCorrection(double beta, int64_t t) { return static_cast<float>(1 / (1 - Power(beta, t))); }

BiasCorrections::BiasCorrections(double beta) : beta_(beta) {
  for (int64_t t = 1; values_.size() < kMostEntries; ++t) {
    const double power = Power(beta, t);
    values_.push_back(static_cast<float>(1 / (1 - power)));
    if (power < kVanished) break;
  }
}

float BiasCorrections::Beyond(int64_t t) const { return BiasCorrection(beta_, t); }

std::shared_ptr<const BiasCorrections> BiasCorrectionsOf(double beta) {
  static std::mutex mutex;
  static auto& tables =
      *new std::deque<std::shared_ptr<const BiasCorrections>>;  // never destroyed: threads may outlive main
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = std::find_if(tables.begin(), tables.end(), [beta](const auto& t) { return t->beta() == beta; });
  if (found != tables.end()) return *found;
  if (tables.size() == kMostTables) tables.pop_front();
  tables.push_back(std::make_shared<const BiasCorrections>(beta));
  return tables.back();
}

}  // namespace tandem
