#include "core/gradient_sums.h"

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

constexpr size_t kDim = 3;

struct Batch {
  std::vector<int64_t> handles;
  std::vector<float> grads;
  GradientBatch View() const { return {handles.data(), grads.data(), handles.size(), kDim}; }
};

// Rows of which a few are frequent, two generations, kNoHandle among them; gradients of very different sizes, so that
// another order of additions gives other bits.
Batch RandomBatch(uint32_t seed, size_t size, uint32_t rows) {
  std::mt19937 random(seed);
  Batch batch;
  for (size_t i = 0; i < size; ++i) {
    const uint32_t row = random() % 2 ? random() % 4 : random() % rows * 4096;
    batch.handles.push_back(random() % 16 ? MakeHandle(row, random() % 2) : kNoHandle);
    for (size_t z = 0; z < kDim; ++z) {
      batch.grads.push_back(std::ldexp(static_cast<float>(random()), static_cast<int>(random() % 40) - 50));
    }
  }
  return batch;
}

struct Sum {
  size_t first;
  std::vector<float> values;
  bool operator==(const Sum& other) const {
    return first == other.first && std::memcmp(values.data(), other.values.data(), sizeof(float) * kDim) == 0;
  }
};
using Model = std::map<int64_t, Sum>;

Model Expected(const Batch& batch) {
  Model model;
  for (size_t i = 0; i < batch.handles.size(); ++i) {
    if (batch.handles[i] == kNoHandle) continue;
    const float* grad = batch.grads.data() + i * kDim;
    const auto [at, is_new] = model.try_emplace(batch.handles[i], Sum{i, {grad, grad + kDim}});
    for (size_t z = 0; z < kDim && !is_new; ++z) at->second.values[z] += grad[z];
  }
  return model;
}

Model Summed(std::vector<ShardSums>& shards, const Batch& batch) {
  Model model;
  for (size_t s = 0; s < shards.size(); ++s) {
    shards[s].Sum(batch.View(), static_cast<int>(s), static_cast<int>(shards.size()));
    for (size_t i = 0; i < shards[s].size(); ++i) {
      const float* sum = shards[s].gradient(i);
      if (i > 0) CHECK(shards[s].first_position(i - 1) < shards[s].first_position(i));
      const bool is_new =
          model.try_emplace(shards[s].handle(i), Sum{shards[s].first_position(i), {sum, sum + kDim}}).second;
      CHECK(is_new);  // each handle belongs to one shard
    }
  }
  return model;
}

TEST(GradientSumsAreTheSameBitsForAnyNumberOfShards) {
  for (const size_t count : {1, 2, 3, 5, 16}) {
    std::vector<ShardSums> shards(count);
    for (uint32_t seed = 0; seed < 20; ++seed) {  // one after the other in the same buffers
      const Batch batch = RandomBatch(seed, seed * seed * 10, 1 + seed * 37);
      CHECK(Summed(shards, batch) == Expected(batch));
    }
  }
}

TEST(GradientSumsGrowWhenOneShardHasAll) {
  std::vector<ShardSums> shards(16);
  Batch batch;
  for (uint32_t row = 0; batch.handles.size() < 3000; ++row) {
    // The rows of the first sixteenth of the hashes.
    if ((row * 0x9E3779B97F4A7C15ULL) >> 60 != 0) continue;
    batch.handles.push_back(MakeHandle(row, 7));
    batch.grads.insert(batch.grads.end(), kDim, static_cast<float>(row));
  }
  CHECK(Summed(shards, batch) == Expected(batch));
  CHECK(shards[0].size() == 3000);
}

TEST(GradientSumsAllocateNothingInSteadyState) {
  ShardSums shard;
  const Batch batch = RandomBatch(1, 5000, 400);
  shard.Sum(batch.View(), 0, 1);
  const size_t bytes = shard.bytes();
  const float* sum = shard.gradient(0);
  for (int i = 0; i < 5; ++i) shard.Sum(batch.View(), 0, 1);
  CHECK(shard.bytes() == bytes && shard.gradient(0) == sum);
}

}  // namespace
}  // namespace tandem
