#include "core/apply.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string>

#include "core/finite.h"
#include "core/float_mode.h"
#include "core/row_copy.h"

namespace tandem {
namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();
constexpr size_t kPositionsPerShard = 512;  // at least
constexpr size_t kStatesAhead = 16;
constexpr size_t kAtOnce = 8;     // rows that are stepped side by side
constexpr size_t kRowsAhead = 8;  // fetched beyond those
constexpr size_t kLineFloats = 16;

}  // namespace

Status Applier::Apply(const int64_t* handles, size_t size, const float* grads, float learning_rate,
                      const Parallel& parallel) {
  if (Status status = CheckLearningRate(optimizer_, learning_rate); !status.ok()) return status;
  if (size >= std::numeric_limits<uint32_t>::max()) return Status::Refused("handles has 2^32 - 1 or more positions");
  const GradientBatch batch{handles, grads, size, static_cast<size_t>(rows_.dim())};
  const int shards = ShardsFor(size, kPositionsPerShard, parallel);
  while (shards_.size() < static_cast<size_t>(shards)) shards_.emplace_back();
  RunShards(shards, [&](int shard) { Check(batch, learning_rate, shard, shards); }, parallel);
  if (Status status = Refusal(batch, shards); !status.ok()) return status;
  RunShards(shards, [&](int shard) { Step(shards_[shard]); }, parallel);
  return Status();
}

// Finite: of one part of the positions. Sums and rows: of the handles of the shard.
void Applier::Check(const GradientBatch& batch, float learning_rate, int number, int shards) {
  const IeeeScope ieee;
  Shard& shard = shards_[number];
  const size_t begin = batch.size * number / shards, end = batch.size * (number + 1) / shards;
  const size_t first = FirstNotFinite(batch.grads + begin * batch.dim, (end - begin) * batch.dim);
  shard.not_finite = first == (end - begin) * batch.dim ? kNone : begin * batch.dim + first;
  shard.no_row = kNone;
  shard.out_of_memory = false;
  try {
    shard.sums.Sum(batch, number, shards);
    shard.copies.resize(kAtOnce * batch.dim);
    shard.step.emplace(optimizer_, rows_.dim(), learning_rate);
  } catch (const std::bad_alloc&) {
    shard.out_of_memory = true;  // a thread of the pool lets no exception out
    return;
  }
  shard.no_row = FirstWithoutRow(shard.sums);
}

size_t Applier::FirstWithoutRow(const ShardSums& sums) const {
  const uint32_t limit = rows_.limit();
  for (size_t i = 0; i < sums.size(); ++i) {
    if (i + kStatesAhead < sums.size()) {
      const uint32_t ahead = RowOf(sums.handle(i + kStatesAhead));
      if (ahead < limit) rows_.PrefetchState(ahead);
    }
    if (!rows_.IsLive(sums.handle(i))) return sums.first_position(i);
  }
  return kNone;
}

Status Applier::Refusal(const GradientBatch& batch, int shards) const {
  size_t not_finite = kNone, no_row = kNone;
  for (int i = 0; i < shards; ++i) {
    if (shards_[i].out_of_memory) throw std::bad_alloc();
    not_finite = std::min(not_finite, shards_[i].not_finite);
    no_row = std::min(no_row, shards_[i].no_row);
  }
  if (not_finite != kNone) {
    return Status::Refused("grads[" + std::to_string(not_finite / batch.dim) + "] is not finite");
  }
  if (no_row == kNone) return Status();
  const int64_t handle = batch.handles[no_row];
  return Status::Refused("handles[" + std::to_string(no_row) + "] (row " + std::to_string(RowOf(handle)) +
                         ", generation " + std::to_string(GenerationOf(handle)) +
                         ") is no row of this table: its id was removed or the table restored since "
                         "the lookup, or it comes from another table. Look the ids up again");
}

void Applier::Step(Shard& shard) {
  const IeeeScope ieee;
  const size_t size = shard.sums.size(), floats = rows_.dim() + rows_.slot_floats();
  size_t fetched = 0;
  for (size_t begin = 0; begin < size; begin += kAtOnce) {
    // Here and not in a function of its own: g++ takes one that only prefetches for one that does nothing.
    for (const size_t ahead = std::min(size, begin + kAtOnce + kRowsAhead); fetched < ahead; ++fetched) {
      const uint32_t row = RowOf(shard.sums.handle(fetched));
      const float* values = rows_.Values(row);
      for (size_t z = 0; z < floats; z += kLineFloats) __builtin_prefetch(values + z, 1);
      rows_.PrefetchState(row);
    }
    StepSome(shard, begin, std::min(size, begin + kAtOnce));
  }
}

// Only this thread writes its rows, so it may read them plainly; others read their values, so it writes them atomically.
void Applier::StepSome(Shard& shard, size_t begin, size_t end) {
  const int dim = rows_.dim();
  RowStep steps[kAtOnce] = {};
  for (size_t i = begin; i < end; ++i) {
    const uint32_t row = RowOf(shard.sums.handle(i));
    changes_.Touch(row);
    uint32_t& t = rows_.steps(row);
    if (t != std::numeric_limits<uint32_t>::max()) ++t;
    float* copy = shard.copies.data() + (i - begin) * dim;
    std::copy_n(rows_.Values(row), dim, copy);
    steps[i - begin] = {t, shard.sums.gradient(i), copy, rows_.Slots(row)};
  }
  shard.step->Take(steps, end - begin);
  for (size_t i = begin; i < end; ++i) StoreRow(rows_.Values(RowOf(shard.sums.handle(i))), dim, steps[i - begin].row);
}

size_t Applier::bytes() const {
  size_t bytes = 0;
  for (const Shard& shard : shards_) bytes += shard.sums.bytes() + shard.copies.capacity() * sizeof(float);
  return bytes;
}

}  // namespace tandem
