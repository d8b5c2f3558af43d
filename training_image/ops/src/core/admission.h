// Which ids get a row: asked once for every occurrence of an id that has none.
//
// Memory:  the sketch (core/sketch.h: `sketch_bytes`, made at once, never grows) and 256 bytes per stripe, in them a panel
//          of ids from which Gamma-Poisson learns (core/panel.h). Every and Bernoulli hold no sketch. bytes() is exact.
// Threads: Admit, Forget and Save of a stripe by whoever holds that stripe's mutex; Prefetch by anyone. EndCall and
//          SaveHeader by any thread: they read panels and write the prior by atomics. Load by one thread, with no other.
//
// An id seen c times since t0 is admitted when it has reached the threshold θ, or when q = P(at least θ - c more within
// the horizon) is at least `confidence`. Poisson takes the rate (c - 1)/(t - t0), Gamma-Poisson a prior over rates that is
// fitted to what the filter sees (core/rate_prior.h). The horizon is `horizon` ticks, and no more than is left until
// `ends_at`. With confidence 0 an id is admitted with probability q, by a draw that is a function of (seed, key, c).
//
// Decisions are functions of the stripe's own history and of the prior, which changes in EndCall only: the same calls in
// the same order admit the same ids for any number of threads, and on every machine: no libm, and the caller is in an
// IeeeScope as for all arithmetic of the core.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "core/admission_options.h"
#include "core/rate_prior.h"
#include "core/sketch.h"
#include "core/status.h"

namespace tandem {

class Admission {
 public:
  // The options must have passed CheckAdmission.
  Admission(const AdmissionOptions& options, int stripes);
  ~Admission();

  // False: every id is admitted, and the table need not ask.
  bool filters() const { return options_.rule != AdmissionRule::kEvery; }

  // Brings what Admit will read into the cache.
  void Prefetch(int stripe, int64_t key) const {
    if (sketch_.words() != 0) sketch_.Prefetch(stripe, key);
  }

  // One more occurrence of an id without a row. True: give it one; its count is forgotten then.
  bool Admit(int stripe, int64_t key, uint32_t event_time);

  // An id is to leave no trace. An evicted one need not be told: nothing is kept of ids that were admitted.
  void Forget(int stripe, int64_t key);

  // A call in which Admit was asked `asked` times, by all threads together, has ended. Fits the prior when it is time.
  void EndCall(size_t asked);

  // What Gamma-Poisson believes of an id's rate now.
  RatePrior prior() const { return Unpack(prior_.load(std::memory_order_relaxed)); }

  size_t bytes() const;

  // The state as one flat array: header_words(), then stripe_words() for each stripe in order; nothing for rule Every.
  size_t header_words() const;
  size_t stripe_words() const;
  size_t state_words() const { return header_words() + stripe_words() * static_cast<size_t>(stripes_); }
  void SaveHeader(uint64_t* out) const;
  void Save(int stripe, uint64_t* out) const;

  // Whether a state can be loaded: of a filter with as much sketch and as many stripes; rule, threshold and seed may have
  // changed. No words stand for a filter that has seen nothing.
  Status CheckState(const uint64_t* words, size_t size) const;
  // Takes a state that CheckState let pass.
  void Load(const uint64_t* words, size_t size);

 private:
  struct Stripe;

  bool Reaches(Stripe& stripe, int64_t key, const Sketch::Seen& seen, uint32_t event_time) const;
  double Probability(Stripe& stripe, const Sketch::Seen& seen, uint32_t event_time) const;
  uint32_t Ahead(uint32_t event_time) const;
  uint32_t Unseen(const Stripe& stripe, uint32_t first_seen) const;
  void Fit();

  const AdmissionOptions options_;
  const int stripes_;
  Sketch sketch_;
  std::unique_ptr<Stripe[]> state_;

  std::atomic<uint64_t> prior_;
  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> fit_at_;
  std::mutex fitting_;
};

}  // namespace tandem
