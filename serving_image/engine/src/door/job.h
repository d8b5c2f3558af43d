// A prediction on its way: what a request waits as, and what it is answered with.
//
// Memory:  the owner keeps a Job, and the bytes that its request points into, until Done was called.
// Threads: whoever holds the Job; it is handed from the door to the batcher and back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "door/clock.h"
#include "door/model.h"
#include "door/predict_request.h"
#include "door/refusal.h"

namespace tandem::serving::door {

// Valid during Job::Done only.
struct Answer {
  VersionName version;
  const ModelSpec* spec = nullptr;
  const std::vector<size_t>* outputs = nullptr;  // which of the spec's were asked for
  const float* const* values = nullptr;          // of all the spec's outputs; `rows` floats each
  size_t rows = 0;
};

struct ExampleRequest;

class Job {
 public:
  virtual ~Job() = default;
  // Called once, from any thread; the last use of the Job. `answer` is null when the request was refused.
  virtual void Done(const Refusal& refusal, const Answer* answer) = 0;

  PredictRequest request;
  const ExampleRequest* examples = nullptr;  // what is asked instead of `request`, which then has the model alone
  size_t bytes = 0;                          // memory that it holds while it waits
  Clock::time_point arrived;
  Clock::time_point deadline = Clock::time_point::max();

 private:
  friend class Batcher;
  Job* next_ = nullptr;
  uint64_t order_ = 0;
  size_t rows_ = 0;  // at first sight
};

// How many rows a request seems to have: by its first input, before anything is checked. At least 1.
inline size_t RowsAtFirstSight(const PredictRequest& request) {
  int64_t rows = 1;  // an input of the user's side has one where others have many
  for (const TensorView& input : request.inputs) {
    if (input.shape.rank != 0) rows = std::max(rows, input.shape.sizes[0]);
  }
  return static_cast<size_t>(rows);
}

}  // namespace tandem::serving::door
