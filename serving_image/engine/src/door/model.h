// What the door needs of a model: its contract, versions that can be pinned, and a worker that answers a batch.
//
// Memory:  a Pin holds its version alive; a Batch points into memory of the door, which lives as long as the call.
// Threads: Model from any thread; a Worker and a Pin belong to one thread.
//
// The door knows nothing of rows or weights: tests serve a model of ten lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"

namespace tandem::serving::door {

enum class DType : uint8_t { kInt64, kString, kFloat32 };

// One input of shape (batch, length); where length is 1, (batch,) will do.
struct InputSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  int64_t length = 1;
  bool user = false;  // one row will do for all rows of a request
};

// A model's contract with clients, as model.json has it. Names are distinct; every output is float32 of shape (batch,).
struct ModelSpec {
  std::vector<InputSpec> inputs;
  std::vector<std::string> outputs;
};

// A base and the last update applied to it; 17.204 as text, base * 10^9 + update as a number.
struct VersionName {
  static constexpr int64_t kUpdatesPerBase = 1'000'000'000;

  int64_t base = 0;
  int64_t update = 0;

  int64_t number() const { return base * kUpdatesPerBase + update; }
  std::string text() const { return std::to_string(base) + "." + std::to_string(update); }
  static VersionName Of(int64_t number) { return {number / kUpdatesPerBase, number % kUpdatesPerBase}; }
};

// One input of a batch, (rows, length), row by row.
struct Column {
  const int64_t* ids = nullptr;   // of int64 and of string inputs, which come as their fingerprints
  const bool* present = nullptr;  // of string inputs: false where the string was empty
  const float* values = nullptr;  // of float32 inputs; all finite
};

struct Batch {
  size_t rows = 0;
  const Column* inputs = nullptr;  // in the order of ModelSpec::inputs
};

// Where a batch's time went, in nanoseconds; added to.
struct StageTimes {
  int64_t gather = 0;
  int64_t dense = 0;
};

// One version, which does not change or go while this lives.
class Pin {
 public:
  virtual ~Pin() = default;
  virtual const ModelSpec& spec() const = 0;
  virtual VersionName name() const = 0;
};

// What one engine thread computes with.
class Worker {
 public:
  virtual ~Worker() = default;
  // Answers 1 to Model::most_rows() rows; outputs[k] takes `rows` floats. A refusal says why this version can't answer.
  virtual Status Run(const Pin& version, const Batch& batch, float* const* outputs, StageTimes* times) = 0;
};

class Model {
 public:
  virtual ~Model() = default;
  // The version with this number, or the newest; null when it is not here.
  virtual std::unique_ptr<const Pin> Get(std::optional<int64_t> number) = 0;
  // What can be asked for, the newest first.
  virtual std::vector<VersionName> Here() const = 0;
  // The names that versions go by, and the newest version of each that can be asked for.
  virtual std::vector<std::pair<std::string, VersionName>> Labels() const = 0;
  // Rows that one Run takes.
  virtual size_t most_rows() const = 0;
  virtual std::unique_ptr<Worker> NewWorker() = 0;
};

}  // namespace tandem::serving::door
