// A program's rest graph in TensorFlow: what any model can be computed by, and what a chain is compared with.
//
// Memory:  a version's slots, fed where they lie; per thread one buffer for each feature.
// Threads: as Engine; a Run stays on its thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/engine.h"
#include "dense/program.h"
#include "dense/tensorflow_api.h"

namespace tandem::serving {

// `graph`: the bytes of the rest graph; `sizes`: what batches are filled up to, ascending. API and program outlive it.
Status NewTensorFlowEngine(const TensorFlow& api, const Program& program, const std::string& graph,
                           std::vector<size_t> sizes, std::unique_ptr<Engine>* made);

}  // namespace tandem::serving
