// From the weights of a version to its slots: as they are, or through the fold graph, which runs once per version.
//
// Memory:  the fold graph; results are the caller's.
// Threads: const members from any thread at once; computes on the calling one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/floats.h"
#include "dense/program.h"
#include "dense/tensorflow_api.h"
#include "dense/tensorflow_graph.h"

namespace tandem::serving {

class FoldRunner {
 public:
  // `graph`: the bytes of the fold graph; `api` may be null where the program folds nothing. Both outlive it.
  // `weights`: how many floats each has.
  static Status Open(const TensorFlow* api, const Program& program, const std::string& graph,
                     const std::vector<size_t>& weights, std::unique_ptr<FoldRunner>* made);

  // Refuses a slot that has a value which is not finite, since some kernels would hide it from the answers.
  Status Run(const float* const* weights, Slots* slots) const;

 private:
  explicit FoldRunner(const Program& program) : program_(program) {}
  Status RunGraph(const float* const* weights, std::vector<Tensor>* results) const;

  const Program& program_;
  std::unique_ptr<TensorFlowGraph> graph_;    // null: nothing to fold
  std::vector<std::vector<int64_t>> shapes_;  // of its inputs
};

}  // namespace tandem::serving
