#include "core/gradient_sums.h"

#include <algorithm>

namespace tandem {
namespace {

constexpr uint64_t kEmpty = ~uint64_t{0};
constexpr size_t kBlock = 256;

// Multiplicative hashing (Fibonacci): the upper half spreads well. The shard is taken from its top, the home in the
// table from bits below.
uint64_t HashOfRow(uint32_t row) { return row * 0x9E3779B97F4A7C15ULL; }
uint64_t ShardOf(uint64_t hash, uint64_t shards) { return ((hash >> 32) * shards) >> 32; }
size_t HomeOf(uint64_t hash, size_t mask) { return (hash >> 24) & mask; }

void AddTo(float* __restrict sum, const float* __restrict grad, size_t dim) {
  for (size_t z = 0; z < dim; ++z) sum[z] += grad[z];
}

}  // namespace

void ShardSums::Reset(size_t expected) {
  size_t capacity = kBlock;
  while (capacity < 2 * expected) capacity *= 2;
  table_.assign(capacity, kEmpty);
  handles_.clear();
  entries_.clear();
  sums_.clear();
}

void ShardSums::Sum(const GradientBatch& batch, int shard, int shards) {
  batch_ = batch;
  Reset(batch.size / static_cast<size_t>(shards) + kBlock);
  const auto mine = static_cast<uint64_t>(shard), all = static_cast<uint64_t>(shards);
  uint32_t own[kBlock];
  for (size_t begin = 0; begin < batch.size; begin += kBlock) {
    const size_t end = std::min(batch.size, begin + kBlock);
    // Without a branch: whether a position is this shard's is a coin toss that no predictor gets right.
    size_t count = 0;
    for (size_t i = begin; i < end; ++i) {
      const int64_t handle = batch.handles[i];
      own[count] = static_cast<uint32_t>(i);
      count += (handle != kNoHandle) & (ShardOf(HashOfRow(RowOf(handle)), all) == mine);
    }
    for (size_t j = 0; j < count; ++j) Add(batch.handles[own[j]], own[j]);
  }
}

void ShardSums::Add(int64_t handle, uint32_t position) {
  const uint32_t row = RowOf(handle);
  const size_t mask = table_.size() - 1;
  size_t at = HomeOf(HashOfRow(row), mask);
  for (; table_[at] != kEmpty; at = (at + 1) & mask) {
    if (table_[at] >> 32 != row) continue;
    const auto place = static_cast<uint32_t>(table_[at]);
    // The same row under another generation is another handle; at most one of them will pass the step's check.
    if (handles_[place] == handle) return AddAgain(entries_[place], position);
  }
  table_[at] = static_cast<uint64_t>(row) << 32 | handles_.size();
  handles_.push_back(handle);
  entries_.push_back({position, kOnlyOne});
  if (2 * handles_.size() > table_.size()) Grow();
}

void ShardSums::AddAgain(Entry& entry, uint32_t position) {
  const size_t dim = batch_.dim;
  if (entry.sum == kOnlyOne) {
    entry.sum = static_cast<uint32_t>(sums_.size() / dim);
    const float* first = batch_.grads + entry.first * dim;
    sums_.insert(sums_.end(), first, first + dim);
  }
  AddTo(sums_.data() + entry.sum * dim, batch_.grads + position * dim, dim);
}

void ShardSums::Grow() {
  table_.assign(2 * table_.size(), kEmpty);
  const size_t mask = table_.size() - 1;
  for (size_t place = 0; place < handles_.size(); ++place) {
    const uint32_t row = RowOf(handles_[place]);
    size_t at = HomeOf(HashOfRow(row), mask);
    while (table_[at] != kEmpty) at = (at + 1) & mask;
    table_[at] = static_cast<uint64_t>(row) << 32 | place;
  }
}

size_t ShardSums::bytes() const {
  return table_.capacity() * sizeof(uint64_t) + handles_.capacity() * sizeof(int64_t) +
         entries_.capacity() * sizeof(Entry) + sums_.capacity() * sizeof(float);
}

}  // namespace tandem
