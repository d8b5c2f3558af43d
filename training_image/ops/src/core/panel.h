// A few ids watched from their first occurrence on: the sample from which Gamma-Poisson admission learns its prior.
//
// Memory:  kPlaces members of 24 bytes, three cache lines. A stripe's ids have one panel.
// Threads: Member, Join, Repeat, Leave, Forget, Save and Load by whoever holds the stripe's mutex; Read by anyone at any time. The words
//          are relaxed atomics, so a member may be read half old, half new; one of hundreds, it moves no fit.
//
// Reservoir sampling: of n first occurrences each is a member with odds kPlaces / n, by a draw that is a function of the
// key. With a horizon, n is halved once in each, so that ids of long ago give way, and a member is watched for a horizon,
// so that the prior is about the time that is predicted. A member that is admitted is watched no longer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/rate_prior.h"

namespace tandem {

class Panel {
 public:
  static constexpr int kPlaces = 8;
  static constexpr int kNone = kPlaces;
  static constexpr size_t kWords = 3 * kPlaces + 2;

  Panel();

  // The place of a member, or kNone.
  int Member(int64_t key) const {
    for (int i = 0; i < kPlaces; ++i) {
      if (Get(keys_[i]) == static_cast<uint64_t>(key) && Get(times_[i]) != kEmpty) return i;
    }
    return kNone;
  }

  // An id that is no member came for the first time, after `unseen` ticks of stream; returns its place if it is now one.
  int Join(int64_t key, uint32_t time, uint32_t unseen, uint32_t horizon, uint64_t seed);
  void Repeat(int member, uint32_t time, uint32_t horizon);
  void Leave(int member, uint32_t time);
  void Forget(int64_t key);

  // Appends what is known of the members at a time.
  void Read(uint32_t now, uint32_t horizon, std::vector<Watched>* out) const;

  void Save(uint64_t* out) const;    // kWords
  void Load(const uint64_t* words);  // any words make a panel

 private:
  using Word = std::atomic<uint64_t>;
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  static constexpr uint32_t kWatched = ~uint32_t{0};

  static uint64_t Get(const Word& word) { return word.load(std::memory_order_relaxed); }
  static void Put(Word& word, uint64_t value) { word.store(value, std::memory_order_relaxed); }

  Word keys_[kPlaces];
  Word times_[kPlaces];  // first seen << 32 | until, kWatched while it goes on; kEmpty: no member
  Word facts_[kPlaces];  // ticks of stream before first seen << 32 | repeats
  uint64_t births_ = 0;  // first occurrences, halved at every horizon
  uint64_t aged_at_ = 0;
};

}  // namespace tandem
