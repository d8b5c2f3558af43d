// A table with an admission rule: the same rows for any number of threads, and across a restart.
#include <vector>

#include "core/exact_math.h"
#include "core/random.h"
#include "core/table.h"
#include "core/tests/check.h"
#include "core/tests/thread_pool.h"

namespace tandem {
namespace {

constexpr size_t kBatch = 4096;

TableOptions Options(AdmissionRule rule) {
  TableOptions options;
  options.dim = 3;
  options.seed = 5;
  options.initializer = {InitializerKind::kUniform, 0.1f};
  options.default_value = 0.25f;
  options.admission.rule = rule;
  options.admission.threshold = 5;
  options.admission.horizon = 2000;
  options.admission.confidence = 0.3;
  options.admission.sketch_bytes = 1 << 16;
  options.admission.seed = 5;
  return options;
}

struct Answers {
  std::vector<float> values = std::vector<float>(kBatch * 3);
  std::vector<bool> admitted = std::vector<bool>(kBatch);
};

// Some ids often and many seldom, in a batch that is a function of its number.
Answers LookUp(Table* table, int batch, const Parallel& parallel) {
  std::vector<int64_t> ids(kBatch), handles(kBatch);
  KeyedStream draws(1, batch);
  for (int64_t& id : ids) {
    const double u = draws.NextUnit();
    id = static_cast<int64_t>(Exp(11 * u * u));
  }
  Answers answers;
  const Status status = table->Lookup(ids.data(), kBatch, static_cast<uint32_t>(100 + 40 * batch),
                                      answers.values.data(), handles.data(), parallel);
  CHECK(status.ok());
  for (size_t i = 0; i < kBatch; ++i) answers.admitted[i] = handles[i] != kNoHandle;
  return answers;
}

bool Same(const Answers& one, const Answers& two) { return one.values == two.values && one.admitted == two.admitted; }

TEST(TheSameIdsGetRowsForAnyNumberOfThreads) {
  const testing::ThreadPool pool(4);
  for (const AdmissionRule rule : {AdmissionRule::kCount, AdmissionRule::kBernoulli, AdmissionRule::kGammaPoisson}) {
    Table serial(Options(rule)), parallel(Options(rule));
    for (int batch = 0; batch < 12; ++batch) {
      CHECK(Same(LookUp(&serial, batch, Serial()), LookUp(&parallel, batch, pool)));
    }
    CHECK(serial.Keys() == parallel.Keys() && serial.Size() > 100);
    CHECK(serial.AdmissionState() == parallel.AdmissionState());
    CHECK(serial.Stats().not_admitted == parallel.Stats().not_admitted && serial.Stats().not_admitted > 1000);
  }
}

TEST(AnIdWithoutARowReadsTheDefault) {
  Table table(Options(AdmissionRule::kCount));
  const Answers answers = LookUp(&table, 0, Serial());
  for (size_t i = 0; i < kBatch; ++i) {
    for (size_t j = 0; j < 3; ++j) CHECK((answers.values[3 * i + j] == 0.25f) == !answers.admitted[i]);
  }
}

TEST(ARestoredFilterGoesOnWhereItWas) {
  const TableOptions options = Options(AdmissionRule::kGammaPoisson);
  Table table(options), restored(options);
  for (int batch = 0; batch < 6; ++batch) {
    LookUp(&table, batch, Serial());
    LookUp(&restored, batch, Serial());
  }
  const std::vector<uint64_t> state = table.AdmissionState();
  CHECK(restored.LoadAdmissionState(nullptr, 0).ok() && restored.AdmissionState() != state);
  CHECK(restored.CheckAdmissionState(state.data(), state.size()).ok());
  CHECK(restored.LoadAdmissionState(state.data(), state.size()).ok());
  for (int batch = 6; batch < 12; ++batch) {
    CHECK(Same(LookUp(&table, batch, Serial()), LookUp(&restored, batch, Serial())));
  }
  CHECK(table.Keys() == restored.Keys() && table.AdmissionState() == restored.AdmissionState());
}

TEST(RemovedIdsAreCountedAnew) {
  Table table(Options(AdmissionRule::kCount));
  const std::vector<int64_t> four(4, 7);
  std::vector<float> values(12);
  std::vector<int64_t> handles(4);
  CHECK(table.Lookup(four.data(), 4, 1, values.data(), handles.data()).ok() && handles[3] == kNoHandle);
  CHECK(table.Remove(four.data(), 1) == 0);  // it has no row, and is forgotten all the same
  CHECK(table.Lookup(four.data(), 4, 1, values.data(), handles.data()).ok() && handles[3] == kNoHandle);
  CHECK(table.Lookup(four.data(), 1, 1, values.data(), handles.data()).ok() && handles[0] != kNoHandle);
}

}  // namespace
}  // namespace tandem
