// A program's chain, step by step, on one thread.
//
// Memory:  weights packed as the kernel reads them; per thread one buffer for each value that is not part of another,
//          for `largest` rows. Run allocates nothing of its own.
// Threads: as Engine.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "dense/engine.h"
#include "dense/layer_kernel.h"
#include "dense/program.h"

namespace tandem::serving {

// The dense layers of a chain, in its order.
std::vector<LayerShape> LayersOf(const Program& program);

// `largest`: rows of one Run. The program outlives the engine.
std::unique_ptr<Engine> NewChainEngine(const Program& program, std::unique_ptr<LayerKernel> kernel, size_t largest);

}  // namespace tandem::serving
