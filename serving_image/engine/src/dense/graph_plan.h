// A captured graph as data: graph.json ("tandem.graph/1", tandem_serving/graph/plan.py), parsed and checked.
//
// Memory:  plain values.
// Threads: immutable once parsed.
//
// Tensors are named as name:0. A version's slots are put on the device once, each giving a handle; a batch brings its
// features, side by side in one matrix, and the handles, and gets all answers in one matrix (outputs, batch).
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "dense/program.h"

namespace tandem::serving {

struct GraphPlan {
  struct Held {
    std::string value, keep, held;  // its floats are fed; its handle is fetched; the handle is fed with each batch
  };

  std::string graph;  // file in the base's folder
  std::string features;
  std::vector<Held> slots;  // as program.slots
  std::string forget_held, forget_operation;
  std::string answers;
};

Status ParseGraphPlan(const std::string& json, const Program& program, GraphPlan* plan);

}  // namespace tandem::serving
