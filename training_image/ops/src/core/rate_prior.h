// What an id's rate may be before anything is known of it but when it came: the prior of Gamma-Poisson admission, and
// its fit by maximum likelihood.
//
// Memory:  a prior is three numbers, packed into one word of 21 bits each, so that it can be published atomically.
// Threads: pure; any thread, and the same bits on every machine.
//
// An id that first came `unseen` ticks after the stream began has a rate ~ Gamma(shape, scale + share * unseen), and when
// it came again n times in `elapsed` ticks, Gamma(shape + n, scale + share * unseen + elapsed). In a catalogue that does
// not change (share 1), an id that has not come for long is a rare one; where ids are born and are news when they come
// (share 0), the time before says nothing. The likelihood of the n arrivals is that of a Polya process; it stays the same
// when an id is watched no longer for reasons seen in the stream itself, such as its admission.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem {

struct RatePrior {
  float shape = 0.25f;
  float scale = 1;  // ticks
  float share = 1;

  double Behind(double unseen, double elapsed) const { return double{scale} + double{share} * unseen + elapsed; }
};

struct Watched {
  double unseen = 0;     // ticks of stream before the id first came
  double elapsed = 0;    // ticks from there on, until now or until it was watched no longer
  uint32_t repeats = 0;  // arrivals in that time, the first left out
};

uint64_t Pack(const RatePrior& prior);
RatePrior Unpack(uint64_t word);
// Whether a word is one that a fit can have left.
bool IsRatePrior(uint64_t word);

// The most likely prior by a pattern search of the logarithms of the three, from `start`. A weak pull towards the prior
// above stands for a few observations and decides where there are none.
RatePrior FitRatePrior(const Watched* ids, size_t size, const RatePrior& start);

}  // namespace tandem
