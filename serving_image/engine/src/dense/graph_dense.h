// A dense function that runs as a captured graph, and as it would without one wherever that does not work.
//
// Memory:  per version its weights on the device, beside those of the plain form; per thread one matrix of features.
// Threads: as Dense says. A graph that fails once is not tried again for this base; whoever met the failure answers by
//          the plain form, and so does everything after.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/fold_runner.h"
#include "dense/graph_state.h"
#include "dense/program.h"
#include "dense/tensorflow_api.h"
#include "versions/dense.h"

namespace tandem::serving {

enum class GraphDevice { kNone, kGpu, kAny };  // kAny: the CPU too, where there is no GPU; for tests

struct GraphOptions {
  GraphDevice device = GraphDevice::kNone;
  GraphState* state = nullptr;  // outlives every Dense
};

// The parts of a plain Dense that a captured one reads as well; they belong to it and live as long.
struct PlainParts {
  const Program* program = nullptr;
  const FoldRunner* fold = nullptr;
  std::vector<size_t> sizes;  // ascending
};

// Puts a captured graph over `plain`: the base's folder has graph.json and its graph, or `plain` stays as it is and the
// state says why. Never refuses: a base is served without its graph rather than not at all.
std::unique_ptr<Dense> WithGraph(const TensorFlow* api, const std::string& folder, const GraphOptions& options,
                                 const PlainParts& parts, std::unique_ptr<Dense> plain);

}  // namespace tandem::serving
