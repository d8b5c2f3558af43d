// A base's dense function as data: program.json ("tandem.program/1"), parsed and checked.
//
// Memory:  plain values; a few kilobytes.
// Threads: immutable once parsed.
//
// Weights become slots (as they are, or through the fold graph, once per version); slots and features become outputs
// through the rest graph, or through a chain of a few known steps where the model has one. Values of the chain are
// numbered: first the features, then one per step, so step i makes value features.size() + i and reads earlier ones
// only. Every value is a matrix of (batch · rows, width); rows is 1 but for what a reshape makes of a sample's
// sequence.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/call_graph.h"

namespace tandem::serving {

inline constexpr size_t kNone = static_cast<size_t>(-1);
inline constexpr size_t kMaxProgram = 4 << 20;  // bytes of program.json
inline constexpr size_t kMaxWidth = 1 << 20;    // floats of one value, per sample
inline constexpr size_t kMaxSlot = 256 << 20;   // floats of one slot

enum class StepKind { kConcat, kDense, kAdd, kMul, kRelu, kSigmoid, kSlice, kDot, kReshape };
enum class Activation { kNone, kRelu, kSigmoid };

struct Step {
  StepKind kind = StepKind::kConcat;
  std::vector<size_t> in;  // values
  size_t slot = kNone;     // dense: the kernel; add, mul: the second operand where it is no value
  size_t bias = kNone;     // dense: slot, or none
  Activation activation = Activation::kNone;
  size_t begin = 0;  // slice: first column
  size_t width = 0;  // of the value that it makes
  size_t rows = 1;   // of the same, per sample
};

struct Slot {
  std::string name;
  std::vector<size_t> shape;
  size_t weight = kNone;  // one of the two is set
  size_t fold = kNone;    // output of the fold graph
  size_t floats() const;
};

struct FoldInput {
  std::string tensor;
  size_t weight = 0;
};

struct Fold {
  std::string graph;  // file in the base's folder; empty: nothing to fold
  std::vector<FoldInput> inputs;
  std::vector<std::string> outputs;
  std::optional<Intervals> intervals;  // when its results are taken again; none: with each version
};

struct Rest {
  std::string graph;
  std::vector<std::string> features;  // tensors, one per feature
  std::vector<std::string> slots;     // one per slot; empty: this slot is used by the chain alone
  std::vector<std::string> outputs;
};

struct Feature {
  std::string name;
  size_t width = 0;
};

struct Program {
  Fold fold;
  Rest rest;
  std::vector<Slot> slots;
  std::vector<Feature> features;
  std::vector<std::string> outputs;
  std::vector<Step> chain;            // empty: there is none, see no_chain_because
  std::vector<size_t> chain_outputs;  // values of width 1, one per output
  std::string no_chain_because;

  size_t values() const { return features.size() + chain.size(); }
  size_t width(size_t value) const {
    return value < features.size() ? features[value].width : chain[value - features.size()].width;
  }
  size_t rows(size_t value) const { return value < features.size() ? 1 : chain[value - features.size()].rows; }
};

// `weights`: how many floats each of model.json's weights has. Refuses whatever does not fit, naming its place.
Status ParseProgram(const std::string& json, const std::vector<size_t>& weights, Program* program);

}  // namespace tandem::serving
