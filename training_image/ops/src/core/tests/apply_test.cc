#include "core/apply.h"

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/tests/bare_table.h"
#include "core/tests/check.h"
#include "core/tests/thread_pool.h"

namespace tandem {
namespace {

using testing::BareRows;
using testing::BareTable;

Optimizer Adam() {
  Optimizer optimizer;
  optimizer.kind = OptimizerKind::kAdam;
  optimizer.beta1 = 0.9;
  optimizer.beta2 = 0.999;
  optimizer.epsilon = 1e-7;
  return optimizer;
}

// What a few steps with many duplicates leave behind.
BareRows Trained(int threads, int dim) {
  constexpr int kRows = 700, kPositions = 6000;
  BareTable table(dim, 2);
  Applier applier(Adam(), &table.rows, &table.changes);
  std::vector<int64_t> all;
  for (int64_t key = 0; key < kRows; ++key) all.push_back(table.Birth(key, static_cast<float>(key) / 100));
  std::mt19937 random(5);
  for (const int positions : {kPositions, 3, 0, kPositions}) {
    std::vector<int64_t> handles;
    std::vector<float> grads;
    for (int i = 0; i < positions; ++i) handles.push_back(random() % 9 == 0 ? kNoHandle : all[random() % kRows]);
    for (int i = 0; i < positions * dim; ++i) grads.push_back(static_cast<float>(random()) * 1e-9f - 2);
    CHECK(applier.Apply(handles.data(), handles.size(), grads.data(), 0.01f, testing::ThreadPool(threads)).ok());
  }
  return table.Contents();
}

TEST(AStepIsTheSameBitsForAnyNumberOfThreads) {
  for (const int dim : {1, 5, 16}) {
    const BareRows once = Trained(1, dim);
    for (const int threads : {2, 5}) CHECK(Trained(threads, dim) == once);
  }
}

TEST(AStepIsTheSumOfItsPositionsInTheOptimizersStep) {
  constexpr int kDim = 3;
  BareTable table(kDim, 2);
  Applier applier(Adam(), &table.rows, &table.changes);
  const int64_t handles[] = {table.Birth(1, 1), table.Birth(2, 2), kNoHandle, 0};
  const std::vector<int64_t> batch = {handles[1], handles[0], kNoHandle, handles[1], handles[1]};
  // 1 + 1e8 - 1e8 is 0 in float32 in this order, and 1 in the opposite one.
  const std::vector<float> grads = {1, 2, 3, 7, 8, 9, 5, 5, 5, 1e8f, 0, 0, -1e8f, 1, 1};
  CHECK(applier.Apply(batch.data(), batch.size(), grads.data(), 0.1f, Serial()).ok());
  BareRows expected;
  const std::vector<float> sums[] = {{7, 8, 9}, {0, 3, 4}};
  for (int64_t key : {1, 2}) {
    testing::BareRow row{std::vector<float>(kDim, static_cast<float>(key)), std::vector<float>(2 * kDim, 0.0f), 1, 0};
    TakeStep(Adam(), kDim, 0.1f, 1, sums[key - 1].data(), row.values.data(), row.slots.data());
    expected[key] = row;
  }
  CHECK(table.Contents() == expected);
}

TEST(ARefusedStepNamesTheFirstPositionAndChangesNothing) {
  constexpr int kDim = 2, kPositions = 3000;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  BareTable table(kDim, 2), other(kDim, 2);
  Applier applier(Adam(), &table.rows, &table.changes);
  std::vector<int64_t> handles;
  for (int64_t key = 0; key < kPositions; ++key) handles.push_back(table.Birth(key, 1));
  const int64_t stale = table.Birth(-1, 1), foreign = other.Birth(5, 1);
  table.Remove(-1);
  const BareRows before = table.Contents();
  const uint32_t limit = table.rows.limit();
  struct Case {
    const char* says;
    size_t at;
    int64_t handle;
    float grad;
  };
  const Case cases[] = {
      {"handles[2998] (row 3000, ", 2998, stale, 0},
      {"handles[7]", 7, foreign, 0},
      {"handles[0]", 0, MakeHandle(limit, 1), 0},
      {"handles[1500]", 1500, std::numeric_limits<int64_t>::max(), 0},
      {"handles[1500]", 1500, std::numeric_limits<int64_t>::min(), 0},
      {"handles[1]", 1, MakeHandle(0xFFFFFFFF, 3), 0},
      {"grads[2100]", 2100, stale, nan},  // gradients are looked at first
      {"grads[0]", 0, handles[0], -std::numeric_limits<float>::infinity()},
      {"grads[2999]", 2999, handles[2999], nan},
  };
  for (const Case& c : cases) {
    for (const int threads : {1, 2, 5}) {
      std::vector<int64_t> bad = handles;
      std::vector<float> grads(handles.size() * kDim, 1.0f);
      bad[c.at] = c.handle;
      bad[kPositions - 1] = c.at == kPositions - 1 ? c.handle : foreign;  // a later one is not named
      grads[c.at * kDim + 1] = c.grad;
      const Status status = applier.Apply(bad.data(), bad.size(), grads.data(), 0.1f, testing::ThreadPool(threads));
      CHECK(status.why().rfind(c.says, 0) == 0);
      CHECK(table.Contents() == before);
    }
  }
  const std::vector<float> grads(handles.size() * kDim, 1.0f);
  CHECK(!applier.Apply(handles.data(), handles.size(), grads.data(), nan, Serial()).ok());
  CHECK(table.Contents() == before);
}

TEST(StepsDoNotWrapAround) {
  BareTable table(2, 2);
  Applier applier(Adam(), &table.rows, &table.changes);
  const int64_t handle = table.Birth(1, 1);
  table.rows.steps(RowOf(handle)) = std::numeric_limits<uint32_t>::max() - 1;
  const float grads[] = {1, 1};
  for (int i = 0; i < 3; ++i) CHECK(applier.Apply(&handle, 1, grads, 0.1f, Serial()).ok());
  CHECK(table.rows.steps(RowOf(handle)) == std::numeric_limits<uint32_t>::max());
}

}  // namespace
}  // namespace tandem
