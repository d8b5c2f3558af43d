// How the dense layers of a chain are computed: the part of a chain that costs, and that engines differ in.
//
// Memory:  Pack copies a kernel [in, out] and bias [out] into the layout that this one reads.
// Threads: const members from any thread at once; a LayerState belongs to one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/status.h"
#include "dense/arithmetic.h"
#include "dense/program.h"

namespace tandem::serving {

struct LayerShape {
  size_t in = 0, out = 0;
  size_t rows = 1;                       // per sample
  size_t in_stride = 0, out_stride = 0;  // as the layout has them
  Activation activation = Activation::kNone;
  bool rectified = false;  // inputs are ReLU's, so many are zero
};

class PackedLayer {
 public:
  virtual ~PackedLayer() = default;
  virtual size_t bytes() const = 0;
};

// Of one thread: where each layer reads and writes.
class LayerState {
 public:
  virtual ~LayerState() = default;
};

struct LayerPlace {
  In in;
  Out out;
};

class LayerKernel {
 public:
  virtual ~LayerKernel() = default;
  virtual const char* name() const = 0;
  // bias: nullptr for none.
  virtual Status Pack(size_t layer, const float* kernel, const float* bias,
                      std::unique_ptr<const PackedLayer>* made) const = 0;
  virtual std::unique_ptr<LayerState> NewState(const std::vector<LayerPlace>& places) const = 0;
  // How many samples a batch is computed as; room for them is there.
  virtual size_t Samples(size_t batch) const = 0;
  virtual Status Run(size_t layer, const PackedLayer& packed, LayerState* state, size_t batch) const = 0;
};

}  // namespace tandem::serving
