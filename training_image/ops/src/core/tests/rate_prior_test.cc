#include "core/rate_prior.h"

#include <cmath>
#include <vector>

#include "core/exact_math.h"
#include "core/random.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

// Arrivals of an id from its first one on, by the Polya process that the prior means: after n of them in time s the next
// comes at rate (shape + n) / (behind + s).
Watched Simulate(const RatePrior& truth, double unseen, double elapsed, KeyedStream& stream) {
  const double behind = truth.Behind(unseen, 0);
  uint32_t repeats = 0;
  double at = 0;
  for (;;) {
    // P(no arrival until s | now) = ((behind + at) / (behind + s))^(shape + n)
    at = (behind + at) * Exp(-Log(1 - stream.NextUnit()) / (truth.shape + repeats)) - behind;
    if (at > elapsed) return {unseen, elapsed, repeats};
    ++repeats;
  }
}

std::vector<Watched> Sample(const RatePrior& truth, size_t size) {
  KeyedStream stream(3, 4);
  std::vector<Watched> ids;
  for (size_t i = 0; i < size; ++i) {
    const double u = stream.NextUnit(), unseen = 1e6 * u * u * u;
    ids.push_back(Simulate(truth, unseen, 1e6 * stream.NextUnit(), stream));
  }
  return ids;
}

TEST(TheFitFindsThePriorThatMadeTheArrivals) {
  const RatePrior truths[] = {{0.5f, 20000, 1}, {1.5f, 100000, 0.01f}, {0.2f, 3000, 0.3f}};
  for (const RatePrior& truth : truths) {
    const std::vector<Watched> ids = Sample(truth, 8000);
    for (const RatePrior& start : {RatePrior{}, RatePrior{2, 1e6f, 0.5f}}) {
      const RatePrior fit = FitRatePrior(ids.data(), ids.size(), start);
      CHECK(std::abs(fit.shape / truth.shape - 1) < 0.2f);
      // What the prior is for: how many more will come of an id that was seen once.
      for (const double unseen : {1e3, 1e5, 9e5}) {
        const double expected = truth.shape / truth.Behind(unseen, 0), fitted = fit.shape / fit.Behind(unseen, 0);
        CHECK(std::abs(fitted / expected - 1) < 0.25);
      }
    }
  }
}

TEST(WatchingUntilAnArrivalTeachesTheSame) {
  // An id that is admitted at its second arrival is watched no longer; that must not make the others look rare.
  const RatePrior truth{0.5f, 20000, 1};
  KeyedStream stream(5, 6);
  std::vector<Watched> ids;
  for (int i = 0; i < 8000; ++i) {
    const double unseen = 1e6 * stream.NextUnit(), behind = truth.Behind(unseen, 0);
    const double second = behind * Exp(-Log(1 - stream.NextUnit()) / truth.shape) - behind;
    ids.push_back(second < 1e6 ? Watched{unseen, second, 1} : Watched{unseen, 1e6, 0});
  }
  const RatePrior fit = FitRatePrior(ids.data(), ids.size(), RatePrior{});
  CHECK(std::abs(fit.shape / truth.shape - 1) < 0.2f);
}

TEST(NothingSeenLeavesThePriorNearItsStart) {
  const RatePrior fit = FitRatePrior(nullptr, 0, RatePrior{0.25f, 86400, 1});
  CHECK(fit.shape > 0.2f && fit.shape < 0.3f && fit.scale == 86400 && fit.share == 1);
}

TEST(AFitStaysWithinWhatAWordHolds) {
  const std::vector<Watched> never(500, Watched{4e9, 4e9, 0});
  const std::vector<Watched> always(500, Watched{0, 0, 4000000000u});
  for (const auto& ids : {never, always}) {
    CHECK(IsRatePrior(Pack(FitRatePrior(ids.data(), ids.size(), RatePrior{}))));
  }
}

TEST(APriorPacksIntoAWord) {
  for (const RatePrior& prior :
       {RatePrior{}, RatePrior{0x1p-10f, 0x1p40f, 0x1p-10f}, RatePrior{0.3f, 12345.6f, 0.7f}}) {
    const RatePrior back = Unpack(Pack(prior));
    CHECK(std::abs(back.shape / prior.shape - 1) < 2e-4f && std::abs(back.scale / prior.scale - 1) < 2e-4f);
    CHECK(std::abs(back.share / prior.share - 1) < 2e-4f);
    CHECK(IsRatePrior(Pack(prior)) && Pack(back) == Pack(prior));
  }
  const uint64_t nan = 0x1FF001, one = Pack({1, 1, 1});
  for (const uint64_t word : {uint64_t{0}, ~uint64_t{0}, one | uint64_t{1} << 63, one | nan, one << 21}) {
    CHECK(!IsRatePrior(word));
  }
}

}  // namespace
}  // namespace tandem
