// The dense function of a base, from its folder: the only door into this part.
//
// Memory:  program and graphs; see versions/dense.h for what versions and threads add.
// Threads: OpenDense from one thread at a time per folder; the Dense as its class says.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/graph_dense.h"
#include "dense/tensorflow_api.h"
#include "versions/dense.h"

namespace tandem::serving {

struct DenseOptions {
  const TensorFlow* tensorflow = nullptr;            // null: chains only; outlives every Dense
  std::vector<size_t> sizes = {1, 8, 32, 128, 512};  // batch sizes that are warmed; the greatest is a Run's largest
  bool bfloat16 = false;                             // whether the model's export found that it may
  GraphOptions graph;                                // whether a captured graph computes where the base has one
};

// Reads program.json and its graphs in `folder`. `weights`: how many floats each of model.json's weights has.
Status OpenDense(const DenseOptions& options, const std::string& folder, const std::vector<size_t>& weights,
                 std::unique_ptr<Dense>* made);

}  // namespace tandem::serving
