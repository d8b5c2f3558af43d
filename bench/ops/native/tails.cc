// Lookups of a table at fixed times, quiet and beside other work: tails ROWS DIM PAIRS SECONDS WORK ...
//
// Each WORK (snapshot, sweep, growth) gets PAIRS of a quiet and a busy phase of so many SECONDS, their order changing.
// The lookups run on the first CPU and the other work on the last one; with a single CPU they share it. Prints one JSON
// object: the time between lookups, and by work how much of it was done a second and what each phase saw of each
// lookup, nanoseconds: `wall` from when it was due to its end, `service` what it took without what was stolen.
//
// Memory:  the table; what was seen of each lookup.
// Threads: lookups in the main thread, the other work in another.
#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/table.h"
#include "other_work.h"
#include "thread_clocks.h"

namespace bench {
namespace {

constexpr size_t kIds = 4096, kBatches = 64;
constexpr int kRounds = 12;              // of the batches, to learn what a lookup takes; the first does not count
constexpr int64_t kUnhurried = 1000000;  // nanoseconds between lookups meanwhile
constexpr uint32_t kFirstTime = 100;     // of events

struct Phase {
  std::vector<int64_t> wall, service;
};

class Lookups {
 public:
  Lookups(tandem::Table* table, size_t rows)
      : table_(*table), handles_(kIds), values_(kIds * static_cast<size_t>(table->options().dim)) {
    tandem::KeyedStream random(3, 0);
    for (auto& ids : batches_) {
      for (size_t i = 0; i < kIds; ++i) ids.push_back(IdOf(random.Next() % rows));
    }
  }

  // Event time of the latest lookup.
  const std::atomic<uint32_t>& time() const { return time_; }

  // Finds the rows of the next batch, and stamps them with a time of its own.
  void Call() {
    const std::vector<int64_t>& ids = batches_[calls_++ % kBatches];
    const uint32_t time = time_.load(std::memory_order_relaxed) + 1;
    time_.store(time, std::memory_order_relaxed);
    if (!table_.Lookup(ids.data(), kIds, time, values_.data(), handles_.data()).ok()) std::abort();
  }

  // Calls when due, late or not.
  Phase OpenLoop(int64_t period, int64_t duration) {
    Phase seen;
    const size_t calls = static_cast<size_t>(duration / period);
    seen.wall.reserve(calls);
    seen.service.reserve(calls);
    const int64_t begin = Now() + period;
    for (size_t call = 0; call < calls; ++call) {
      const int64_t due = begin + static_cast<int64_t>(call) * period;
      while (Now() < due) _mm_pause();  // a sleep would be late by a tenth of a millisecond
      const Moment before = clocks_.Read();
      Call();
      const Moment after = clocks_.Read();
      seen.wall.push_back(after.wall - due);
      seen.service.push_back(Took(before, after));
    }
    return seen;
  }

  // What a lookup takes where there is a pause between them: others use the caches then, so that it is more than in a
  // row.
  int64_t MedianCall() {
    std::vector<int64_t> took = OpenLoop(kUnhurried, kUnhurried * kBatches * kRounds).service;
    took.erase(took.begin(), took.begin() + kBatches);
    std::nth_element(took.begin(), took.begin() + took.size() / 2, took.end());
    return took[took.size() / 2];
  }

  bool ok() const { return clocks_.ok(); }

 private:
  tandem::Table& table_;
  std::vector<int64_t> batches_[kBatches];
  std::vector<int64_t> handles_;
  std::vector<float> values_;
  ThreadClocks clocks_;
  size_t calls_ = 0;
  std::atomic<uint32_t> time_{kFirstTime};
};

struct Loop {
  Lookups* lookups;
  int64_t period, duration;
  int other_cpu;

  Phase Quiet() const { return lookups->OpenLoop(period, duration); }

  Phase Busy(OtherWork* work) const {
    work->Prepare();
    std::atomic<bool> stop{false};
    std::thread beside([&] { work->Run(other_cpu, stop); });
    Phase seen = Quiet();
    stop = true;
    beside.join();
    work->Rest();
    return seen;
  }

  std::vector<std::pair<Phase, Phase>> Pairs(int pairs, OtherWork* work) const {
    std::vector<std::pair<Phase, Phase>> measured(static_cast<size_t>(pairs));
    for (size_t pair = 0; pair < measured.size(); ++pair) {
      auto& [quiet, busy] = measured[pair];
      if (pair % 2 == 0) quiet = Quiet();
      busy = Busy(work);
      if (pair % 2 != 0) quiet = Quiet();
    }
    return measured;
  }
};

void PrintList(const char* name, const std::vector<int64_t>& values) {
  std::printf("\"%s\": [", name);
  for (size_t i = 0; i < values.size(); ++i) std::printf(i == 0 ? "%lld" : ",%lld", static_cast<long long>(values[i]));
  std::printf("]");
}

void PrintPhase(const char* name, const Phase& phase) {
  std::printf("\"%s\": {", name);
  PrintList("wall", phase.wall);
  std::printf(", ");
  PrintList("service", phase.service);
  std::printf("}");
}

void PrintWork(const std::string& name, double per_second, const std::vector<std::pair<Phase, Phase>>& pairs) {
  std::printf("\"%s\": {\"per_second\": %.1f, \"pairs\": [", name.c_str(), per_second);
  for (size_t pair = 0; pair < pairs.size(); ++pair) {
    std::printf(pair == 0 ? "{" : ",\n{");
    PrintPhase("quiet", pairs[pair].first);
    std::printf(", ");
    PrintPhase("busy", pairs[pair].second);
    std::printf("}");
  }
  std::printf("]}");
}

tandem::TableOptions Options(int dim) {
  tandem::TableOptions options;
  options.dim = dim;
  options.initializer = {tandem::InitializerKind::kUniform, 0.05f};
  options.optimizer.kind = tandem::OptimizerKind::kAdam;
  options.optimizer.beta1 = 0.9;
  options.optimizer.beta2 = 0.999;
  options.optimizer.epsilon = 1e-8;
  return options;
}

// The first and the last CPU that this process may use.
std::pair<int, int> Cpus() {
  cpu_set_t all;
  CPU_ZERO(&all);
  sched_getaffinity(0, sizeof(all), &all);
  int first = -1, last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all)) continue;
    if (first < 0) first = cpu;
    last = cpu;
  }
  return {first, last};
}

int Main(size_t rows, int dim, int pairs, double seconds, const std::vector<std::string>& works) {
  tandem::Table table(Options(dim));
  for (size_t first = 0; first < rows; first += kIds) Enter(&table, first, std::min(kIds, rows - first), kFirstTime);
  Lookups lookups(&table, rows);
  if (!lookups.ok()) {
    std::fprintf(stderr, "tails: /proc/thread-self/schedstat cannot be read\n");
    return 1;
  }
  const auto [cpu, other_cpu] = Cpus();
  StayOn(cpu);
  const int64_t period = 2 * lookups.MedianCall();
  const Loop loop{&lookups, period, static_cast<int64_t>(seconds * 1e9), other_cpu};
  std::printf("{\"period_ns\": %lld, \"works\": {\n", static_cast<long long>(period));
  for (size_t i = 0; i < works.size(); ++i) {
    const std::unique_ptr<OtherWork> work = MakeOtherWork(works[i], &table, &lookups.time());
    if (work == nullptr) {
      std::fprintf(stderr, "tails: no such work: %s\n", works[i].c_str());
      return 1;
    }
    const auto measured = loop.Pairs(pairs, work.get());
    if (i != 0) std::printf(",\n");
    PrintWork(works[i], work->per_second(), measured);
  }
  std::printf("}}\n");
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: tails ROWS DIM PAIRS SECONDS WORK ...\n");
    return 2;
  }
  return bench::Main(std::strtoull(argv[1], nullptr, 10), std::atoi(argv[2]), std::atoi(argv[3]), std::atof(argv[4]),
                     {argv + 5, argv + argc});
}
