// The same calls give the same table, bit by bit, for any number of threads, and the bits are golden.
#include <cstdio>
#include <vector>

#include "core/random.h"
#include "core/table.h"
#include "core/tests/check.h"
#include "core/tests/thread_pool.h"
#include "core/xxh64.h"

namespace tandem {
namespace {

constexpr int kDim = 7;
constexpr uint64_t kGoldenTable = 0x8f2542e72ab11c9a;

TableOptions Options(bool bounded) {
  TableOptions options;
  options.dim = kDim;
  options.seed = 11;
  options.initializer = {InitializerKind::kTruncatedNormal, 0.1f};
  options.optimizer.kind = OptimizerKind::kAdam;
  options.optimizer.beta1 = 0.9;
  options.optimizer.beta2 = 0.999;
  options.optimizer.epsilon = 1e-8;
  if (bounded) {
    options.max_bytes = 1 << 20;
    options.at_limit = LimitPolicy::kEvict;
    options.admission.rule = AdmissionRule::kPoisson;
    options.admission.threshold = 3;
    options.admission.horizon = 50;
    options.admission.confidence = 0.5;
    options.admission.sketch_bytes = 1 << 18;
  }
  return options;
}

template <typename T>
uint64_t Mix(uint64_t digest, const std::vector<T>& column) {
  return Xxh64(column.data(), column.size() * sizeof(T), digest);
}

uint64_t DigestOf(Table& table) {
  SortedRows sorted;
  CHECK(table.Snapshot(&sorted).ok());
  const Rows rows = sorted.Copy();
  uint64_t digest = Mix(Mix(Mix(0, rows.keys), rows.values), rows.slots);
  digest = Mix(Mix(digest, rows.steps), rows.seen);
  const TableStats stats = table.Stats();
  return Mix(digest, std::vector<uint64_t>{stats.evicted, stats.not_admitted, stats.refused_at_limit});
}

// A life of lookups with known, new and repeated ids, steps, removals and sweeps.
uint64_t Live(const TableOptions& options, const Parallel& parallel) {
  Table table(options);
  KeyedStream random(3, 5);
  std::vector<int64_t> ids(9000), handles(ids.size());
  std::vector<float> values(ids.size() * kDim), grads(values.size());
  for (uint32_t round = 1; round <= 30; ++round) {
    for (int64_t& id : ids) {
      const uint64_t most = random.Next() % 4 == 0 ? 200000 : 3000;  // drawn first: operands have no order of their own
      id = static_cast<int64_t>(random.Next() % most);
    }
    for (float& grad : grads) grad = static_cast<float>(random.NextUnit()) - 0.5f;
    CHECK(table.Lookup(ids.data(), ids.size(), round, values.data(), handles.data(), parallel).ok());
    CHECK(table.Apply(handles.data(), handles.size(), grads.data(), 0.01f, parallel).ok());
    table.Remove(ids.data(), 50);
    table.Sweep({round > 20 ? round - 20 : 0, false}, 1000000);  // all places: their numbers depend on threads
  }
  return DigestOf(table);
}

TEST(AnyNumberOfThreadsGivesTheSameBits) {
  for (const bool bounded : {false, true}) {
    const uint64_t one = Live(Options(bounded), Serial());
    CHECK(Live(Options(bounded), testing::ThreadPool(2)) == one);
    CHECK(Live(Options(bounded), testing::ThreadPool(5)) == one);
  }
}

// A bounded table is not golden: how many rows fit is no contract.
TEST(TheBitsOfATableAreGolden) {
  const uint64_t digest = Live(Options(false), Serial());
  if (digest != kGoldenTable) std::printf("digest of the table: 0x%016llx\n", static_cast<unsigned long long>(digest));
  CHECK(digest == kGoldenTable);
}

}  // namespace
}  // namespace tandem
