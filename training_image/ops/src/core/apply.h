// One optimizer step for a batch of handles.
//
// Memory:  per shard the sums of its rows (gradient_sums.h) and copies of some rows; kept for the next batch.
// Threads: one Apply at a time, under the table's step mutex. Within it each row belongs to one shard. Lookups may read
//          the rows that it writes.
//
// Two phases, so that a refusal changes nothing: first every gradient and every handle is checked and duplicates are
// summed, then rows are stepped. Both run over shards that own their rows; the bits do not depend on their number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/changes.h"
#include "core/gradient_sums.h"
#include "core/optimizer.h"
#include "core/parallel.h"
#include "core/row_store.h"
#include "core/status.h"
#include "core/stepper.h"

namespace tandem {

class Applier {
 public:
  Applier(const Optimizer& optimizer, RowStore* rows, Changes* changes)
      : optimizer_(optimizer), rows_(*rows), changes_(*changes) {}

  // Takes one step per distinct row, with the sum of its gradients in the order of their positions; passes over
  // kNoHandle. Refuses, and changes nothing, if the learning rate or a gradient is not finite, or a handle names no
  // row that lives now.
  Status Apply(const int64_t* handles, size_t size, const float* grads, float learning_rate, const Parallel& parallel);

  size_t bytes() const;

 private:
  struct Shard {
    ShardSums sums;
    std::optional<Stepper> step;
    std::vector<float> copies;  // of the values of kAtOnce rows
    size_t not_finite = 0;      // index of the first gradient in its part of the batch that is not finite, or kNone
    size_t no_row = 0;          // first position of its handles that names no live row, or kNone
    bool out_of_memory = false;
  };

  void Check(const GradientBatch& batch, float learning_rate, int shard, int shards);
  size_t FirstWithoutRow(const ShardSums& sums) const;
  void Step(Shard& shard);
  void StepSome(Shard& shard, size_t begin, size_t end);
  Status Refusal(const GradientBatch& batch, int shards) const;

  const Optimizer optimizer_;
  RowStore& rows_;
  Changes& changes_;
  std::deque<Shard> shards_;
};

}  // namespace tandem
