// Which engine computes each batch size: all of them run it, those that agree are timed, the fastest is taken.
//
// Memory:  a scratch per engine while it runs.
// Threads: one; it may have the lowest priority, since time is counted of this thread's own work.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/engine.h"
#include "dense/program.h"

namespace tandem::serving {

struct Candidate {
  const Engine* engine = nullptr;
  const DenseWeights* weights = nullptr;  // packed by it
  double tolerance = 1e-5;                // of answers, absolute up to 1 and relative above
};

struct WarmedSize {
  size_t rows = 0;
  size_t chosen = 0;                 // candidate
  std::vector<double> microseconds;  // per candidate; negative: it does not agree with the first
  std::vector<double> error;         // greatest difference from the first, in the measure of its tolerance
};

// The first candidate is the one that is right where they differ. Refused when it fails itself.
Status WarmUpSizes(const Program& program, const std::vector<Candidate>& candidates, const std::vector<size_t>& sizes,
                   std::vector<WarmedSize>* warmed);

}  // namespace tandem::serving
