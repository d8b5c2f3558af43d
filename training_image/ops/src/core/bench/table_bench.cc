// How fast the table is without TensorFlow around it:
//   tandem_core_bench lookup|insert|load [millions of rows] [threads] [cpu]
//
// Prints one line per figure; `cpu` counts the process's processor time, for a machine that is busy. For figures that
// are compared with other engines see bench/ at the repository's root; this is for a profiler.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/table.h"
#include "core/tests/thread_pool.h"

namespace tandem {
namespace {

clockid_t time_source = CLOCK_MONOTONIC;

constexpr int kDim = 16;
constexpr size_t kBatch = 65536, kBatches = 24;

double Now() {
  timespec now;
  clock_gettime(time_source, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Seconds(double since) { return Now() - since; }

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

size_t ResidentBytes() {
  size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * 4096;
}

TableOptions Options() {
  TableOptions options;
  options.dim = kDim;
  options.initializer = {InitializerKind::kUniform, 0.05f};
  options.optimizer.kind = OptimizerKind::kAdam;
  options.optimizer.beta1 = 0.9;
  options.optimizer.beta2 = 0.999;
  options.optimizer.epsilon = 1e-8;
  return options;
}

// Ids of one kind: spread over the rows, or 80 % of them on 20 % of the rows.
std::vector<std::vector<int64_t>> Batches(size_t rows, bool skewed) {
  KeyedStream random(7, skewed);
  std::vector<std::vector<int64_t>> batches(kBatches, std::vector<int64_t>(kBatch));
  for (auto& batch : batches) {
    for (int64_t& id : batch) {
      const size_t range = skewed && random.Next() % 5 != 0 ? rows / 5 : rows;
      id = static_cast<int64_t>(Mix64(random.Next() % range));
    }
  }
  return batches;
}

void Fill(Table* table, size_t rows, const Parallel& parallel) {
  std::vector<int64_t> ids(kBatch), handles(kBatch);
  std::vector<float> values(kBatch * kDim);
  for (size_t first = 0; first < rows; first += kBatch) {
    const size_t n = std::min(kBatch, rows - first);
    for (size_t i = 0; i < n; ++i) ids[i] = static_cast<int64_t>(Mix64(first + i));
    if (!table->Lookup(ids.data(), n, 1, values.data(), handles.data(), parallel).ok()) std::abort();
  }
}

// A dense matrix by row number, as tf.gather reads it: the next row is asked for while one is copied.
double Gather(const std::vector<float>& dense, const std::vector<std::vector<int64_t>>& batches, size_t rows,
              const Parallel& parallel) {
  std::vector<std::vector<uint32_t>> places;
  for (const auto& batch : batches) {
    places.emplace_back();
    for (int64_t id : batch) places.back().push_back(static_cast<uint32_t>(static_cast<uint64_t>(id) % rows));
  }
  std::vector<float> out(kBatch * kDim);
  std::vector<double> times;
  for (const auto& batch : places) {
    const auto start = Now();
    const int shards = parallel.threads();
    parallel.Run(shards, [&](int shard) {
      const size_t last = kBatch * (shard + 1) / shards;
      for (size_t i = kBatch * shard / shards; i < last; ++i) {
        if (i + 1 < last) __builtin_prefetch(&dense[batch[i + 1] * size_t{kDim}]);
        std::memcpy(&out[i * kDim], &dense[batch[i] * size_t{kDim}], kDim * sizeof(float));
      }
    });
    times.push_back(Seconds(start));
  }
  return kBatch / Median(times) / 1e6;
}

double Lookups(Table* table, const std::vector<std::vector<int64_t>>& batches, uint32_t* time, bool stamps,
               const Parallel& parallel) {
  std::vector<int64_t> handles(kBatch);
  std::vector<float> values(kBatch * kDim);
  std::vector<double> times;
  for (const auto& batch : batches) {
    *time += stamps;
    const auto start = Now();
    if (!table->Lookup(batch.data(), kBatch, *time, values.data(), handles.data(), parallel).ok()) std::abort();
    times.push_back(Seconds(start));
  }
  return kBatch / Median(times) / 1e6;
}

double Steps(Table* table, const std::vector<std::vector<int64_t>>& batches, const Parallel& parallel) {
  std::vector<int64_t> handles(kBatch);
  std::vector<float> values(kBatch * kDim), grads(kBatch * kDim, 0.01f);
  std::vector<double> times;
  for (const auto& batch : batches) {
    if (!table->Lookup(batch.data(), kBatch, 0, values.data(), handles.data(), parallel).ok()) std::abort();
    const auto start = Now();
    if (!table->Apply(handles.data(), kBatch, grads.data(), 0.001f, parallel).ok()) std::abort();
    times.push_back(Seconds(start));
  }
  return kBatch / Median(times) / 1e6;
}

void BenchLookups(size_t rows, const Parallel& parallel) {
  const auto table = std::make_unique<Table>(Options());
  Fill(table.get(), rows, parallel);
  std::vector<float> dense(rows * kDim, 1.0f);
  uint32_t time = 2;
  for (const bool skewed : {false, true}) {
    const auto batches = Batches(rows, skewed);
    for (int round = 0; round < 3; ++round) {
      const double gather = Gather(dense, batches, rows, parallel);
      const double plain = Lookups(table.get(), batches, &time, false, parallel);
      const double stamped = Lookups(table.get(), batches, &time, true, parallel);
      const double stepped = Steps(table.get(), batches, parallel);
      std::printf("%s: gather %.1f, lookup %.1f (%.2f), with new stamps %.1f (%.2f), step %.1f M ids/s\n",
                  skewed ? "skewed" : "uniform", gather, plain, plain / gather, stamped, stamped / gather, stepped);
    }
  }
}

void BenchInserts(size_t rows, size_t batch, const Parallel& parallel) {
  malloc_trim(0);
  const size_t before = ResidentBytes();
  const auto table = std::make_unique<Table>(Options());
  std::vector<int64_t> ids(batch), handles(batch);
  std::vector<float> values(batch * kDim);
  std::vector<double> times;
  size_t peak = 0;
  double most = 0;
  const auto start = Now();
  for (size_t first = 0; first < rows; first += batch) {
    for (size_t i = 0; i < batch; ++i) ids[i] = static_cast<int64_t>(Mix64(first + i));
    const auto call = Now();
    if (!table->Lookup(ids.data(), batch, 1, values.data(), handles.data(), parallel).ok()) std::abort();
    times.push_back(Seconds(call));
    if (times.size() % 64 != 0 || first < rows / 8) continue;
    const size_t resident = ResidentBytes() - before;
    peak = std::max(peak, resident);
    most = std::max(most, static_cast<double>(resident) / static_cast<double>(table->Size()));
  }
  const double total = Seconds(start), median = Median(times);
  std::vector<double> sorted = times;
  std::sort(sorted.begin(), sorted.end());
  const TableStats stats = table->Stats();
  const double keys = static_cast<double>(table->Size());
  std::printf("insert %.1f M rows by %zu: %.2f M/s; call median %.2f ms, p99 %.2f, worst %.2f (%.1f x, at %.2f M)\n",
              keys / 1e6, batch, keys / total / 1e6, median * 1e3, sorted[sorted.size() * 99 / 100] * 1e3,
              sorted.back() * 1e3, sorted.back() / median,
              static_cast<double>(std::max_element(times.begin(), times.end()) - times.begin()) * batch / 1e6);
  std::printf("bytes per row: resident %.1f (greatest while growing %.1f), reserved %.1f, used %.1f, raw %zu\n",
              static_cast<double>(ResidentBytes() - before) / keys, most,
              static_cast<double>(stats.bytes_reserved) / keys, static_cast<double>(stats.bytes_used) / keys,
              8 + 3 * kDim * sizeof(float) + 8);
}

}  // namespace
}  // namespace tandem

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "lookup";
  const size_t rows = static_cast<size_t>((argc > 2 ? std::atof(argv[2]) : 4) * 1e6);
  const tandem::testing::ThreadPool pool(argc > 3 ? std::atoi(argv[3]) : 2);
  if (argc > 4) tandem::time_source = CLOCK_PROCESS_CPUTIME_ID;
  if (what == "lookup") tandem::BenchLookups(rows, pool);
  if (what == "insert") tandem::BenchInserts(rows, 8192, pool);
  if (what == "load") tandem::BenchInserts(rows, 65536, pool);
  return 0;
}
