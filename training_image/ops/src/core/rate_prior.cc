#include "core/rate_prior.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/exact_math.h"

namespace tandem {
namespace {

constexpr int kParameters = 3;
constexpr double kLeast[kParameters] = {0x1p-10, 1, 0x1p-10};
constexpr double kMost[kParameters] = {0x1p10, 0x1p40, 1};
// The search goes up or down by these factors for as long as that is more likely, in one parameter or along the ridges
// of the likelihood: a shape and a time that grow together leave the mean rate as it is.
constexpr double kFactors[] = {4, 2, 1.4142135623730951, 1.189207115002721, 1.0905077326652577};
constexpr bool kDirections[][kParameters] = {
    {true, false, false}, {false, true, false}, {false, false, true}, {true, true, false}, {true, true, true}};
constexpr double kWorthAMove = 1e-6;
constexpr uint32_t kMostRepeats = 64;  // more than these are counted as that many, in no more time than they took

uint64_t Upper21(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits >> 10;  // the sign is 0: 8 bits of exponent, 13 of mantissa
}

float FromUpper21(uint64_t bits) {
  const auto word = static_cast<uint32_t>(bits & 0x1FFFFF) << 10;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

// The logarithm of the likelihood and of the weak pull, as a function of the three parameters.
class Likelihood {
 public:
  Likelihood(const Watched* ids, size_t size) : ids_(ids, ids + size) {
    for (Watched& id : ids_) {
      if (id.repeats > kMostRepeats) {
        id.elapsed *= double{kMostRepeats} / id.repeats;
        id.repeats = kMostRepeats;
      }
      for (uint32_t j = 0; j < id.repeats; ++j) ++more_than_[j];
    }
  }

  double operator()(const double (&p)[kParameters]) const {
    double sum = 0;
    for (uint32_t j = 0; j < kMostRepeats && more_than_[j] != 0; ++j) sum += more_than_[j] * Log(p[0] + j);
    for (const Watched& id : ids_) {
      const double before = p[1] + p[2] * id.unseen, after = Log(before + id.elapsed);
      sum += p[0] * (Log(before) - after) - id.repeats * after;
    }
    const RatePrior usual;
    const double shape = Log(p[0] / usual.shape), share = Log(p[2]);
    return sum - 0.25 * (shape * shape) - 0.05 * (share * share);
  }

 private:
  std::vector<Watched> ids_;
  uint32_t more_than_[kMostRepeats] = {};
};

}  // namespace

uint64_t Pack(const RatePrior& prior) {
  return Upper21(prior.shape) << 42 | Upper21(prior.scale) << 21 | Upper21(prior.share);
}

RatePrior Unpack(uint64_t word) { return {FromUpper21(word >> 42), FromUpper21(word >> 21), FromUpper21(word)}; }

bool IsRatePrior(uint64_t word) {
  const RatePrior prior = Unpack(word);
  const float p[kParameters] = {prior.shape, prior.scale, prior.share};
  for (int i = 0; i < kParameters; ++i) {
    if (!(p[i] >= kLeast[i] && p[i] <= kMost[i])) return false;
  }
  return word >> 63 == 0;
}

RatePrior FitRatePrior(const Watched* ids, size_t size, const RatePrior& start) {
  const Likelihood likelihood(ids, size);
  double best[kParameters] = {start.shape, start.scale, start.share};
  double highest = likelihood(best);
  for (const double factor : kFactors) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& direction : kDirections) {
        for (const double by : {factor, 1 / factor}) {
          double tried[kParameters];
          for (int i = 0; i < kParameters; ++i) {
            tried[i] = direction[i] ? std::min(kMost[i], std::max(kLeast[i], best[i] * by)) : best[i];
          }
          const double reached = likelihood(tried);
          if (reached <= highest + kWorthAMove) continue;
          highest = reached;
          std::copy(tried, tried + kParameters, best);
          moved = true;
          break;
        }
      }
    }
  }
  return {static_cast<float>(best[0]), static_cast<float>(best[1]), static_cast<float>(best[2])};
}

}  // namespace tandem
