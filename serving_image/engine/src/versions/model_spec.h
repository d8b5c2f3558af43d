// model.json: how a server turns inputs into answers (training_image/wire/FORMAT.md, Objects).
//
// Memory:  small; positions instead of names where one part means another.
// Threads: values; parsing is pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/status.h"

namespace tandem::serving {

inline constexpr size_t kNoTable = static_cast<size_t>(-1);

enum class InputType { kInt64, kString, kFloat32 };
enum class Pooling { kNone, kSum, kMean };

// One input of shape (batch, length); without a table it goes into the graph as it is (float32).
struct InputSpec {
  std::string name;
  InputType type = InputType::kInt64;
  size_t table = kNoTable;  // its place in ModelSpec::tables
  Pooling pooling = Pooling::kNone;
  size_t length = 1;
  bool user = false;  // all candidates of a request share it: one row will do
};

struct TableSpec {
  std::string name;
  size_t dim = 0;
  bool freezing = false;  // changes with bases only
};

struct WeightSpec {
  std::string name;
  std::vector<size_t> shape;
  size_t count = 1;  // floats
};

struct OutputSpec {
  std::string name;
  std::string task;
};

struct ModelSpec {
  std::string name;
  std::vector<InputSpec> inputs;
  std::vector<TableSpec> tables;
  std::vector<WeightSpec> weights;
  std::vector<OutputSpec> outputs;
  std::vector<size_t> features;  // the dense part's features, as places in inputs

  // How many floats one sample of an input gives to the dense part.
  size_t width(const InputSpec& input) const;
};

// Refuses what wire's own reader refuses, naming the field.
Status ParseModelSpec(const std::string& json, ModelSpec* spec);

}  // namespace tandem::serving
