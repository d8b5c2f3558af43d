#include "core/admission.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/float_mode.h"
#include "core/panel.h"
#include "core/random.h"
#include "core/tails.h"

namespace tandem {
namespace {

// Begins every state; the last digit is the version of what the words mean.
constexpr uint64_t kMagic = 0x544E44414D490001ULL;
constexpr size_t kHeaderWords = 6;  // magic, stripes, words of sketch per stripe, prior, asked, next fit
constexpr size_t kClockWords = 3;

constexpr uint64_t kDrawing = 0xA0761D6478BD642FULL;  // apart from all other draws of the same seed
constexpr uint64_t kFirstFit = 256, kRarestFit = 1 << 20;

double Draw(uint64_t seed, int64_t key, uint64_t count) {
  return KeyedStream(Mix64(seed ^ kDrawing) + count, key).NextUnit();
}

uint32_t Since(uint32_t from, uint32_t to) { return to > from ? to - from : 0; }

// Ids are believed to come seldom before anything was seen: all ids of a first batch would get rows otherwise.
RatePrior FirstPrior(const AdmissionOptions& options) {
  RatePrior prior;
  prior.scale = static_cast<float>(std::max<uint32_t>(1, options.horizon != 0 ? options.horizon : options.ends_at));
  return prior;
}

}  // namespace

struct alignas(64) Admission::Stripe {
  std::atomic<uint32_t> latest{0};  // event time, of all questions; read by Fit without the mutex
  uint32_t began = 0;               // of the first
  uint32_t tick = 0;                // the shortest time between two that differ; 0: all were the same
  uint64_t asked = 0;

  // q of an id's first occurrence, which most questions of a call share.
  uint64_t first_prior = ~uint64_t{0};
  uint32_t first_time = 0;
  double first_q = 0;

  Panel panel;

  void Advance(uint32_t time) {
    const uint32_t last = latest.load(std::memory_order_relaxed);
    if (asked++ == 0) {
      began = time;
    } else if (time > last) {
      tick = tick == 0 ? time - last : std::min(tick, time - last);
    }
    if (time > last) latest.store(time, std::memory_order_relaxed);
  }
};

Admission::Admission(const AdmissionOptions& options, int stripes)
    : options_(options),
      stripes_(stripes),
      sketch_(CountsIds(options.rule) ? options.sketch_bytes : 0, stripes),
      prior_(Pack(FirstPrior(options))),
      fit_at_(kFirstFit) {
  if (filters()) state_ = std::make_unique<Stripe[]>(static_cast<size_t>(stripes));
}

Admission::~Admission() = default;

bool Admission::Admit(int stripe, int64_t key, uint32_t event_time) {
  if (!filters()) return true;
  Stripe& state = state_[stripe];
  state.Advance(event_time);
  if (options_.rule == AdmissionRule::kBernoulli) return Draw(options_.seed, key, state.asked) < options_.confidence;

  const Sketch::Seen seen = sketch_.Count(stripe, key, event_time, options_.horizon);
  int member = Panel::kNone;
  bool waits = false;
  if (options_.rule == AdmissionRule::kGammaPoisson) {
    member = state.panel.Member(key);
    if (member != Panel::kNone) {
      state.panel.Repeat(member, event_time, options_.horizon);
    } else if (seen.count == 1) {
      member = state.panel.Join(key, event_time, Unseen(state, event_time), options_.horizon, options_.seed);
      waits = member != Panel::kNone;  // nothing can be learnt from an id that is admitted at first sight
    }
  }
  const bool admitted =
      seen.count >= options_.threshold || (Predicts(options_.rule) && !waits && Reaches(state, key, seen, event_time));
  if (admitted) {
    Sketch::Erase(seen);
    if (member != Panel::kNone) state.panel.Leave(member, event_time);
  }
  return admitted;
}

bool Admission::Reaches(Stripe& stripe, int64_t key, const Sketch::Seen& seen, uint32_t event_time) const {
  const double q = Probability(stripe, seen, event_time);
  return options_.confidence > 0 ? q >= options_.confidence : Draw(options_.seed, key, seen.count) < q;
}

uint32_t Admission::Ahead(uint32_t event_time) const {
  const uint32_t left = options_.ends_at != 0 ? Since(event_time, options_.ends_at) : ~uint32_t{0};
  return options_.horizon != 0 ? std::min(left, options_.horizon) : left;
}

uint32_t Admission::Unseen(const Stripe& stripe, uint32_t first_seen) const {
  const uint32_t unseen = Since(stripe.began, first_seen);
  return options_.horizon != 0 ? std::min(unseen, options_.horizon) : unseen;
}

double Admission::Probability(Stripe& stripe, const Sketch::Seen& seen, uint32_t event_time) const {
  const uint32_t repeats = seen.count - 1, needed = options_.threshold - seen.count;
  const uint32_t ahead = Ahead(event_time), elapsed = Since(seen.first_seen, event_time);
  if (options_.rule == AdmissionRule::kPoisson) {
    if (repeats == 0) return 0;
    // Occurrences of the same instant are less than a tick of the caller's clock apart.
    const double time = elapsed != 0 ? elapsed : std::max<uint32_t>(1, stripe.tick);
    return PoissonTail(repeats / time * ahead, needed);
  }
  const uint64_t word = prior_.load(std::memory_order_relaxed);
  if (repeats == 0 && stripe.first_prior == word && stripe.first_time == event_time) return stripe.first_q;
  uint32_t unseen = Unseen(stripe, seen.first_seen);
  // Nothing older than a horizon counts: what ageing cut off was not a time in which the id did not come.
  if (options_.horizon != 0) unseen = std::min(unseen, Since(elapsed, options_.horizon));
  const RatePrior prior = Unpack(word);
  const double q = NegativeBinomialTail(double{prior.shape} + repeats, prior.Behind(unseen, elapsed), ahead, needed);
  if (repeats == 0) {
    stripe.first_prior = word;
    stripe.first_time = event_time;
    stripe.first_q = q;
  }
  return q;
}

void Admission::Forget(int stripe, int64_t key) {
  if (!CountsIds(options_.rule)) return;
  sketch_.Forget(stripe, key);
  state_[stripe].panel.Forget(key);
}

void Admission::EndCall(size_t asked) {
  if (options_.rule != AdmissionRule::kGammaPoisson || asked == 0) return;
  const uint64_t total = asked_.fetch_add(asked, std::memory_order_relaxed) + asked;
  if (total < fit_at_.load(std::memory_order_relaxed)) return;
  const std::unique_lock<std::mutex> lock(fitting_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // another call fits it now
  fit_at_.store(total + std::min(std::max(total / 8, kFirstFit), kRarestFit), std::memory_order_relaxed);
  Fit();
}

void Admission::Fit() {
  const IeeeScope mode;
  uint32_t now = 0;
  for (int s = 0; s < stripes_; ++s) now = std::max(now, state_[s].latest.load(std::memory_order_relaxed));
  std::vector<Watched> watched;
  watched.reserve(static_cast<size_t>(stripes_) * Panel::kPlaces);
  for (int s = 0; s < stripes_; ++s) state_[s].panel.Read(now, options_.horizon, &watched);
  prior_.store(Pack(FitRatePrior(watched.data(), watched.size(), prior())), std::memory_order_relaxed);
}

size_t Admission::bytes() const {
  return sketch_.bytes() + (filters() ? static_cast<size_t>(stripes_) * sizeof(Stripe) : 0);
}

size_t Admission::header_words() const { return filters() ? kHeaderWords : 0; }

size_t Admission::stripe_words() const { return filters() ? kClockWords + Panel::kWords + sketch_.stripe_words() : 0; }

void Admission::SaveHeader(uint64_t* out) const {
  if (!filters()) return;
  *out++ = kMagic;
  *out++ = static_cast<uint64_t>(stripes_);
  *out++ = sketch_.stripe_words();
  *out++ = prior_.load(std::memory_order_relaxed);
  *out++ = asked_.load(std::memory_order_relaxed);
  *out++ = fit_at_.load(std::memory_order_relaxed);
}

void Admission::Save(int stripe, uint64_t* out) const {
  if (!filters()) return;
  const Stripe& state = state_[stripe];
  *out++ = static_cast<uint64_t>(state.began) << 32 | state.latest.load(std::memory_order_relaxed);
  *out++ = state.tick;
  *out++ = state.asked;
  state.panel.Save(out);
  std::copy_n(sketch_.Stripe(stripe), sketch_.stripe_words(), out + Panel::kWords);
}

Status Admission::CheckState(const uint64_t* words, size_t size) const {
  if (!filters() || size == 0) return {};
  if (size < kHeaderWords || words[0] != kMagic) return Status::Refused("admission: this is no state of a filter");
  if (words[1] != static_cast<uint64_t>(stripes_) || words[2] != sketch_.stripe_words()) {
    return Status::Refused("admission: the state is of a sketch of " + std::to_string(words[1] * words[2] * 8) +
                           " bytes in " + std::to_string(words[1]) + " stripes, this filter's has " +
                           std::to_string(sketch_.words() * 8) + " in " + std::to_string(stripes_) +
                           "; give both the same sketch_bytes, or restore without the filter's state");
  }
  if (size != state_words()) {
    return Status::Refused("admission: the state has " + std::to_string(size) + " words and should have " +
                           std::to_string(state_words()));
  }
  if (!IsRatePrior(words[3])) return Status::Refused("admission: the state's prior is none");
  for (size_t s = 0; s < static_cast<size_t>(stripes_); ++s) {
    const uint64_t* entries = words + kHeaderWords + stripe_words() * s + kClockWords + Panel::kWords;
    for (size_t i = 0; i < sketch_.stripe_words(); ++i) {
      if (Sketch::IsEntry(entries[i])) continue;
      return Status::Refused("admission: entry " + std::to_string(i) + " of stripe " + std::to_string(s) +
                             " of the state is not empty, yet counts nothing");
    }
  }
  return {};
}

void Admission::Load(const uint64_t* words, size_t size) {
  if (!filters()) return;
  std::vector<uint64_t> fresh;
  if (size == 0) {
    const Admission beginning(options_, stripes_);
    fresh.resize(state_words());
    beginning.SaveHeader(fresh.data());
    for (int s = 0; s < stripes_; ++s)
      beginning.Save(s, fresh.data() + kHeaderWords + stripe_words() * static_cast<size_t>(s));
    words = fresh.data();
  }
  prior_.store(words[3], std::memory_order_relaxed);
  asked_.store(words[4], std::memory_order_relaxed);
  fit_at_.store(std::min(words[5], words[4] + kRarestFit), std::memory_order_relaxed);
  words += kHeaderWords;
  for (int s = 0; s < stripes_; ++s, words += stripe_words()) {
    Stripe& state = state_[s];
    state.began = static_cast<uint32_t>(words[0] >> 32);
    state.latest.store(static_cast<uint32_t>(words[0]), std::memory_order_relaxed);
    state.tick = static_cast<uint32_t>(words[1]);
    state.asked = words[2];
    state.first_prior = ~uint64_t{0};
    state.panel.Load(words + kClockWords);
    std::copy_n(words + kClockWords + Panel::kWords, sketch_.stripe_words(), sketch_.Stripe(s));
  }
}

}  // namespace tandem
