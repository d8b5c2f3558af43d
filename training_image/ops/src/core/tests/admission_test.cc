#include "core/admission.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/exact_math.h"
#include "core/panel.h"
#include "core/random.h"
#include "core/tails.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

constexpr int kStripes = 4;

AdmissionOptions Options(AdmissionRule rule, uint32_t threshold, uint32_t horizon, double confidence) {
  AdmissionOptions options;
  options.rule = rule;
  options.threshold = threshold;
  options.horizon = horizon;
  options.confidence = confidence;
  options.sketch_bytes = 1 << 16;
  options.seed = 11;
  return options;
}

const AdmissionRule kRules[] = {AdmissionRule::kEvery, AdmissionRule::kCount, AdmissionRule::kBernoulli,
                                AdmissionRule::kPoisson, AdmissionRule::kGammaPoisson};

// Events of a few frequent and many rare ids, and what a filter answers to them in calls of 100.
struct Stream {
  uint64_t seed;
  std::vector<bool> operator()(Admission* admission, int from, int to) const {
    std::vector<bool> answers;
    KeyedStream draws(seed, 1);
    for (int i = 0; i < to; ++i) {
      const double u = draws.NextUnit();
      const auto key = static_cast<int64_t>(Exp(9 * u * u));
      if (i < from) continue;
      answers.push_back(admission->Admit(static_cast<int>(key % kStripes), key, static_cast<uint32_t>(1000 + i / 10)));
      if (i % 100 == 99) admission->EndCall(100);
    }
    return answers;
  }
};

std::vector<uint64_t> State(const Admission& admission) {
  std::vector<uint64_t> words(admission.state_words());
  admission.SaveHeader(words.data());
  for (int s = 0; s < kStripes; ++s) {
    admission.Save(s, words.data() + admission.header_words() + admission.stripe_words() * static_cast<size_t>(s));
  }
  return words;
}

TEST(EveryAdmitsAtOnceAndHoldsNothing) {
  Admission admission(Options(AdmissionRule::kEvery, 10, 0, 0), kStripes);
  CHECK(!admission.filters() && admission.Admit(3, -1, 0));
  CHECK(admission.bytes() == 0 && admission.state_words() == 0);
}

TEST(CountAdmitsAtTheThreshold) {
  Admission admission(Options(AdmissionRule::kCount, 3, 0, 0), kStripes);
  for (const int64_t key : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) {
    CHECK(!admission.Admit(1, key, 5) && !admission.Admit(1, key, 6) && admission.Admit(1, key, 7));
    CHECK(!admission.Admit(1, key, 8));  // evicted meanwhile, it begins anew
  }
}

TEST(AThresholdOfOneAdmitsAtFirstSight) {
  for (const AdmissionRule rule : {AdmissionRule::kCount, AdmissionRule::kPoisson, AdmissionRule::kGammaPoisson}) {
    Admission admission(Options(rule, 1, 100, 1), kStripes);
    for (int64_t key = 0; key < 100; ++key) CHECK(admission.Admit(0, key, 1));
  }
}

TEST(BernoulliAdmitsAShare) {
  Admission admission(Options(AdmissionRule::kBernoulli, 1, 0, 0.1), kStripes);
  int admitted = 0;
  for (int i = 0; i < 20000; ++i) admitted += admission.Admit(i % kStripes, i / 10, 0);
  CHECK(admitted > 1850 && admitted < 2150);  // deviation 42
  CHECK(admission.bytes() == kStripes * 256);
}

// The first of 1 ... that Poisson admits when an id comes every `gap` ticks.
uint32_t AdmittedAt(const AdmissionOptions& options, uint32_t gap) {
  Admission admission(options, kStripes);
  for (uint32_t n = 1; n < 100; ++n) {
    if (admission.Admit(0, 7, 1000 + gap * (n - 1))) return n;
  }
  return 100;
}

TEST(PoissonAdmitsWhereItsTailSaysSo) {
  for (const uint32_t gap : {1u, 10u, 30u, 50u, 70u, 100u, 200u, 1000u}) {
    for (const double confidence : {0.05, 0.2, 0.5, 0.95}) {
      AdmissionOptions options = Options(AdmissionRule::kPoisson, 10, 500, confidence);
      uint32_t expected = 2;
      const auto q = [&](uint32_t c) { return PoissonTail((c - 1.0) / (gap * (c - 1.0)) * 500, 10 - c); };
      while (expected < 10 && q(expected) < confidence) ++expected;
      if (gap * 9 > 500) continue;  // ageing sets in
      CHECK(AdmittedAt(options, gap) == expected);
    }
  }
}

TEST(TheHorizonEndsWithTheTraining) {
  AdmissionOptions options = Options(AdmissionRule::kPoisson, 10, 0, 0.5);
  options.ends_at = 1000000;
  CHECK(AdmittedAt(options, 10) == 2);
  options.ends_at = 1040;  // four more of ten at most
  CHECK(AdmittedAt(options, 10) == 10);
  options.horizon = 60;  // the nearer of the two counts: of 6 expected, 6 are needed
  options.ends_at = 1000000;
  CHECK(AdmittedAt(options, 10) == 4);
  options.horizon = 500;
  options.ends_at = 1040;
  CHECK(AdmittedAt(options, 10) == 10);
  options.ends_at = 5;  // over
  CHECK(AdmittedAt(options, 10) == 10);
}

TEST(TwoOccurrencesOfOneInstantAreATickApart) {
  AdmissionOptions options = Options(AdmissionRule::kPoisson, 100, 1000, 0.5);
  Admission fine(options, kStripes), coarse(options, kStripes);
  fine.Admit(0, 1, 500);
  CHECK(fine.Admit(0, 1, 500));  // a rate of 1 per tick
  for (const uint32_t time : {0u, 100u, 200u}) coarse.Admit(0, 2, time);
  coarse.Admit(0, 1, 200);
  CHECK(!coarse.Admit(0, 1, 200));  // ticks of 100: of 1 in 100
}

TEST(ADrawAdmitsWithProbabilityQ) {
  // Second occurrence, gap 50, 3 wanted, horizon 50: q = P(Poisson(1) >= 1).
  Admission admission(Options(AdmissionRule::kPoisson, 3, 50, 0), kStripes);
  int admitted = 0;
  constexpr int kIds = 2000;  // all have a place: 8192 entries
  for (int64_t key = 0; key < kIds; ++key) {
    const int stripe = static_cast<int>(key % kStripes);
    CHECK(!admission.Admit(stripe, key, 100));
    admitted += admission.Admit(stripe, key, 150);
  }
  CHECK(std::abs(admitted / double{kIds} - 0.632) < 0.04);
}

TEST(GammaPoissonLearnsWhatNewIdsAreWorth) {
  // Of the ids that are born, all come again every 20 ticks, or none does; the filter is told neither.
  for (const bool frequent : {true, false}) {
    Admission admission(Options(AdmissionRule::kGammaPoisson, 10, 1000, 0.5), kStripes);
    std::vector<bool> has_row(20000);
    int rows_early = 0, rows_late = 0;
    for (uint32_t time = 0; time < 10000; ++time) {
      size_t asked = 0;
      for (int64_t key = std::max<int64_t>(0, int64_t{time} - (frequent ? 400 : 0)); key <= time; ++key) {
        if ((time - key) % 20 != 0 || has_row[static_cast<size_t>(key)]) continue;
        ++asked;
        if (!admission.Admit(static_cast<int>(key % kStripes), key, time)) continue;
        has_row[static_cast<size_t>(key)] = true;
        if (time == key && time < 50) ++rows_early;
        if (time == key && time > 5000) ++rows_late;
      }
      admission.EndCall(asked);
    }
    CHECK(rows_early == 0);
    CHECK(frequent ? rows_late > 4500 : rows_late == 0);  // but for those that the panel watches
  }
}

// Ids that come once each, at one time: what the panel does not watch is admitted at first sight, or is not.
int Admitted(Admission* admission, int64_t first, uint32_t time) {
  int admitted = 0;
  for (int64_t key = first; key < first + 100; ++key) admitted += admission->Admit(0, key, time);
  return admitted;
}

TEST(AnIdThatDidNotComeForLongIsRare) {
  // The prior is at its start, Gamma(1/4, 1000 + unseen): q = 1 - (behind / (behind + 1000))^(1/4).
  Admission admission(Options(AdmissionRule::kGammaPoisson, 2, 1000, 0.12), kStripes);
  CHECK(Admitted(&admission, 0, 5) > 20);        // 0.159
  CHECK(Admitted(&admission, 1000, 1005) == 0);  // 0.096
  // A state that begins anew must not remember the answer for that time.
  admission.Load(nullptr, 0);
  CHECK(Admitted(&admission, 2000, 1005) > 20);
}

TEST(NothingOlderThanAHorizonCounts) {
  // Seven times in a horizon, two more wanted: that the id did not come in the horizon before does not matter now.
  const auto q = [](double behind) { return NegativeBinomialTail(6.25, behind, 1000, 2); };
  CHECK(q(1000 + 1000) > 0.75 && q(1000 + 1000 + 1000) < 0.7);
  Admission admission(Options(AdmissionRule::kGammaPoisson, 9, 1000, 0.72), kStripes);
  Admitted(&admission, 0, 0);  // the panel has its members
  int admitted = 0;
  for (int64_t key = 1000; key < 1050; ++key) {
    for (int n = 0; n < 6; ++n) CHECK(!admission.Admit(0, key, 1000));
    admitted += admission.Admit(0, key, 2000);
  }
  CHECK(admitted == 50);
}

TEST(ANewPriorCountsAtTheSameTime) {
  Admission admission(Options(AdmissionRule::kGammaPoisson, 2, 1000, 0.12), kStripes);
  for (int64_t key = 0; key < 300; ++key) admission.Admit(1, key, 0);
  CHECK(Admitted(&admission, 0, 900) > 0);
  admission.EndCall(1000);  // none of 300 came again in 900 ticks
  CHECK(Admitted(&admission, 1000, 900) == 0);
}

TEST(DecisionsDependOnSeedAndHistoryAlone) {
  for (const AdmissionRule rule : kRules) {
    for (const double confidence : {0.3, 0.0}) {
      if (rule == AdmissionRule::kBernoulli && confidence == 0) continue;
      const AdmissionOptions options = Options(rule, 5, 2000, confidence);
      Admission one(options, kStripes), two(options, kStripes);
      const std::vector<bool> answers = Stream{1}(&one, 0, 20000);
      CHECK(answers == Stream{1}(&two, 0, 20000));
      CHECK(State(one) == State(two));
      AdmissionOptions other = options;
      other.seed = 12;
      Admission three(other, kStripes);
      const bool draws = rule == AdmissionRule::kBernoulli || (rule >= AdmissionRule::kPoisson && confidence == 0);
      if (draws) CHECK(answers != Stream{1}(&three, 0, 20000));
    }
  }
}

// The answers to a fixed stream, for ever and on every machine.
TEST(DecisionsHaveTheirGoldenBits) {
  const auto digest = [](AdmissionRule rule, double confidence) {
    Admission admission(Options(rule, 5, 2000, confidence), kStripes);
    uint64_t mixed = 0;
    for (const bool answer : Stream{1}(&admission, 0, 20000)) mixed = Mix64(mixed + (answer ? 1 : 2));
    return mixed;
  };
  CHECK(digest(AdmissionRule::kCount, 0) == 0xa70c8dc23c87c57f);
  CHECK(digest(AdmissionRule::kBernoulli, 0.1) == 0xd0059f298743ae7a);
  CHECK(digest(AdmissionRule::kPoisson, 0.2) == 0x4c683963b80f2d4e);
  CHECK(digest(AdmissionRule::kGammaPoisson, 0.2) == 0x26c9d1453f092581);
  CHECK(digest(AdmissionRule::kGammaPoisson, 0) == 0x41abcef56d27be70);
}

TEST(StripesDoNotDependOnEachOthersOrder) {
  // What one thread does stripe by stripe, many may do at once: the prior changes at the end of a call only.
  const AdmissionOptions options = Options(AdmissionRule::kGammaPoisson, 5, 500, 0.2);
  Admission forward(options, kStripes), backward(options, kStripes);
  for (uint32_t call = 0; call < 100; ++call) {
    const auto ask = [&](Admission* admission, int stripe) {
      for (int64_t key = stripe; key < 200; key += kStripes) admission->Admit(stripe, key * (1 + call % 7), call);
    };
    for (int s = 0; s < kStripes; ++s) ask(&forward, s);
    for (int s = kStripes - 1; s >= 0; --s) ask(&backward, s);
    forward.EndCall(200);
    backward.EndCall(200);
  }
  CHECK(State(forward) == State(backward));
}

TEST(AStateContinuesWhereItWasSaved) {
  for (const AdmissionRule rule : kRules) {
    const AdmissionOptions options = Options(rule, 5, 2000, 0.2);
    Admission whole(options, kStripes), first(options, kStripes), second(options, kStripes);
    Stream{2}(&whole, 0, 10000);
    Stream{2}(&first, 0, 10000);
    Stream{3}(&second, 0, 5000);  // what it knew must go
    const std::vector<uint64_t> state = State(first);
    CHECK(second.CheckState(state.data(), state.size()).ok());
    second.Load(state.data(), state.size());
    CHECK(State(second) == state);
    CHECK(Stream{2}(&second, 10000, 20000) == Stream{2}(&whole, 10000, 20000));
  }
}

TEST(NoStateBeginsAnew) {
  const AdmissionOptions options = Options(AdmissionRule::kGammaPoisson, 5, 2000, 0.2);
  Admission used(options, kStripes), fresh(options, kStripes);
  Stream{2}(&used, 0, 10000);
  CHECK(used.CheckState(nullptr, 0).ok());
  used.Load(nullptr, 0);
  CHECK(State(used) == State(fresh));
}

TEST(StatesThatCannotBeAreRefused) {
  const AdmissionOptions options = Options(AdmissionRule::kGammaPoisson, 5, 2000, 0.2);
  Admission admission(options, kStripes);
  Stream{2}(&admission, 0, 10000);
  const std::vector<uint64_t> good = State(admission);
  const auto says = [&](std::vector<uint64_t> words, const char* what) {
    const Status status = admission.CheckState(words.data(), words.size());
    return !status.ok() && status.why().find(what) != std::string::npos;
  };
  const auto with = [&](size_t at, uint64_t word) {
    std::vector<uint64_t> words = good;
    words[at] = word;
    return words;
  };
  CHECK(says({1, 2, 3}, "no state"));
  CHECK(says(with(0, good[0] + 1), "no state"));
  CHECK(says(with(1, kStripes + 1), "stripes"));
  CHECK(says(with(2, ~uint64_t{0}), "sketch_bytes"));
  CHECK(says(with(3, ~uint64_t{0}), "prior"));
  CHECK(says(with(good.size() - 1, 5), "counts nothing"));
  std::vector<uint64_t> shorter = good;
  shorter.pop_back();
  CHECK(says(shorter, "words"));
  CHECK(State(admission) == good);

  AdmissionOptions bigger = options;
  bigger.sketch_bytes *= 2;
  CHECK(!Admission(bigger, kStripes).CheckState(good.data(), good.size()).ok());
  AdmissionOptions later = options;  // another threshold and rule go on with what was counted
  later.threshold = 7;
  later.rule = AdmissionRule::kCount;
  CHECK(Admission(later, kStripes).CheckState(good.data(), good.size()).ok());
}

TEST(ForgottenIdsLeaveNoTrace) {
  for (const AdmissionRule rule : {AdmissionRule::kCount, AdmissionRule::kGammaPoisson}) {
    Admission admission(Options(rule, 5, 2000, 1), kStripes), fresh(Options(rule, 5, 2000, 1), kStripes);
    for (int64_t key = 0; key < 5; ++key) {
      for (uint32_t n = 0; n < 4; ++n) CHECK(!admission.Admit(0, key, 100));
    }
    for (int64_t key = 0; key < 5; ++key) admission.Forget(0, key);
    for (uint32_t n = 0; n < 4; ++n) CHECK(!admission.Admit(0, 3, 100));
    CHECK(admission.Admit(0, 3, 100));
  }
}

TEST(AForgottenIdIsWatchedNoLonger) {
  const int64_t key = 0x123456789ABCDEF;
  Admission admission(Options(AdmissionRule::kGammaPoisson, 5, 2000, 1), kStripes);
  admission.Admit(0, key, 100);
  const auto named = [&] {
    const std::vector<uint64_t> state = State(admission);
    return std::count(state.begin(), state.end(), static_cast<uint64_t>(key));
  };
  CHECK(named() == 1);
  admission.Forget(0, key);
  CHECK(named() == 0);
}

TEST(WatchedIdsWereUnseenForAHorizonAtMost) {
  Admission admission(Options(AdmissionRule::kGammaPoisson, 5, 2000, 1), kStripes);
  admission.Admit(0, 1, 100);
  admission.Admit(0, 2, 1100);
  admission.Admit(0, 3, 9100);
  const std::vector<uint64_t> state = State(admission);
  const uint64_t* facts = state.data() + admission.header_words() + 3 + 2 * Panel::kPlaces;
  CHECK(facts[0] >> 32 == 0 && facts[1] >> 32 == 1000 && facts[2] >> 32 == 2000);
}

TEST(BytesAreCounted) {
  AdmissionOptions options = Options(AdmissionRule::kPoisson, 5, 2000, 0.2);
  options.sketch_bytes = 1 << 20;
  CHECK(Admission(options, 64).bytes() == (1 << 20) + 64 + 64 * 256);
}

}  // namespace
}  // namespace tandem
