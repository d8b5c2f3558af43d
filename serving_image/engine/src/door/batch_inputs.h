// The arrays of a batch, into which requests' rows are copied.
//
// Memory:  one array per input; it grows to the largest batch there was and stays.
// Threads: one thread's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "door/model.h"
#include "door/predict_inputs.h"
#include "door/refusal.h"

namespace tandem::serving::door {

class BatchInputs {
 public:
  // Begins an empty batch for this contract, which must outlive it.
  void Begin(const ModelSpec& spec);

  // Adds the rows of a request that passed Check against the same contract; an input of the user's side that came as
  // one row is in each of them. Refused when a number is not finite; the batch is then as it was.
  Refusal Append(const Checked& checked);

  // Room for so many more rows of an input, of its kind; Keep adds what was written into those of all inputs.
  struct Room {
    int64_t* ids = nullptr;
    bool* present = nullptr;
    float* values = nullptr;
  };
  Room Make(size_t input, size_t rows);
  void Keep(size_t rows) { rows_ += rows; }

  size_t rows() const { return rows_; }

  // Rows `from` to `from + rows` of the batch; valid until the next call.
  Batch Slice(size_t from, size_t rows);

 private:
  struct Array {
    std::vector<int64_t> ids;
    std::unique_ptr<bool[]> present;  // as many as ids
    std::vector<float> values;
  };

  static void Grow(size_t size, bool strings, Array* array);
  Refusal AppendFloats(const InputSpec& input, const TensorView& tensor, size_t given, size_t count, Array* array);

  const ModelSpec* spec_ = nullptr;
  size_t rows_ = 0;
  std::vector<Array> arrays_;
  std::vector<Column> columns_;
};

}  // namespace tandem::serving::door
