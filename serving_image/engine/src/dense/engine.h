// One way to compute a base's dense function.
//
// Memory:  what Pack makes belongs to one version, what NewScratch makes to one thread.
// Threads: all members are const and run from any thread at once, each Run with a scratch of its own.
#pragma once

#include <cstddef>
#include <memory>

#include "core/status.h"
#include "dense/floats.h"
#include "versions/dense.h"

namespace tandem::serving {

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const char* name() const = 0;
  virtual Status Pack(const std::shared_ptr<const Slots>& slots, std::unique_ptr<const DenseWeights>* made) const = 0;
  virtual std::unique_ptr<DenseScratch> NewScratch() const = 0;
  // Of the batch of the last Room(). Both come from this engine.
  virtual Status Run(const DenseWeights& weights, DenseScratch* scratch, size_t batch, float* const* outputs) const = 0;
};

}  // namespace tandem::serving
