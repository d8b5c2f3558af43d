#include "other_work.h"

#include <openssl/sha.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/block.h"
#include "core/random.h"
#include "thread_clocks.h"

namespace bench {
namespace {

constexpr uint64_t kFreshPlaces = uint64_t{1} << 40;  // from here on ids are new
constexpr size_t kCall = 4096;
constexpr uint32_t kOld = 10;  // event time of rows that are to leave

constexpr double kSnapshotBytes = 250e6;  // a second: what an uploader asks for, and less than what it could
constexpr size_t kBlockBytes = 4 << 20;
constexpr double kFreshIds = 400e3;
constexpr double kSweptPlaces = 4e6;
constexpr size_t kSweptAtOnce = 65536;
constexpr int kLeavingCalls = 50;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "tails: %s\n", what);
  std::exit(1);
}

// Full snapshots, one after the other, as blocks with their digests. Each phase begins one.
class Snapshots final : public OtherWork {
 public:
  explicit Snapshots(tandem::Table* table) : OtherWork(kSnapshotBytes), table_(*table) {
    const tandem::TableOptions& options = table->options();
    dim_ = static_cast<uint32_t>(options.dim);
    width_ = dim_ * static_cast<uint32_t>(options.optimizer.slots());
    max_rows_ = kBlockBytes / (sizeof(int64_t) + 2 * sizeof(uint32_t) + sizeof(float) * (dim_ + width_));
  }

  void Rest() override { cut_.reset(); }

 protected:
  double Turn() override {
    if (cut_ == nullptr) {
      if (!table_.BeginCut(true, 0, &cut_).ok()) Fail("a cut is refused");
      number_ = 0;
    }
    if (!cut_->Next(max_rows_, &rows_)) {
      if (!table_.Ack(cut_->epoch(), 0).ok()) Fail("a cut is not acknowledged");
      cut_.reset();
      return 0;
    }
    steps_.assign(rows_.steps.begin(), rows_.steps.end());
    seen_.assign(rows_.seen.begin(), rows_.seen.end());
    tandem::BlockColumns columns;
    columns.rows = rows_.keys.size();
    columns.dim = dim_;
    columns.width = width_;
    columns.keys = rows_.keys.data();
    columns.values = rows_.values.data();
    columns.slots = rows_.slots.data();
    columns.steps = steps_.data();
    columns.seen = seen_.data();
    const tandem::BlockWriter writer({"table", "adam", std::string(32, '0'), number_++}, columns);
    block_.resize(std::max(block_.size(), writer.size()));
    writer.Write(block_.data());
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(block_.data(), writer.size(), digest);
    return static_cast<double>(writer.size());
  }

 private:
  tandem::Table& table_;
  uint32_t dim_, width_;
  size_t max_rows_;
  std::shared_ptr<tandem::Cut> cut_;
  uint64_t number_ = 0;
  tandem::Rows rows_;
  std::vector<uint32_t> steps_, seen_;
  std::vector<uint8_t> block_;
};

// Ids that are new.
class Growth final : public OtherWork {
 public:
  Growth(tandem::Table* table, const std::atomic<uint32_t>* time)
      : OtherWork(kFreshIds), table_(*table), time_(*time) {}

 protected:
  double Turn() override {
    Enter(&table_, next_, kCall, time_);
    next_ += kCall;
    return kCall;
  }

 private:
  tandem::Table& table_;
  const std::atomic<uint32_t>& time_;
  uint64_t next_ = kFreshPlaces;
};

// Sweeps over the table again and again; rows that leave were made before the phase.
class Sweeps final : public OtherWork {
 public:
  explicit Sweeps(tandem::Table* table) : OtherWork(kSweptPlaces), table_(*table) {}

  void Prepare() override {
    for (int call = 0; call < kLeavingCalls; ++call) Enter(&table_, kFreshPlaces * 2 + call * kCall, kCall, kOld);
  }

 protected:
  double Turn() override {
    tandem::SweepRule rule;
    rule.seen_before = kOld + 1;
    return static_cast<double>(table_.Sweep(rule, kSweptAtOnce).looked);
  }

 private:
  tandem::Table& table_;
};

}  // namespace

int64_t IdOf(uint64_t place) { return static_cast<int64_t>(tandem::Mix64(place)); }

void Enter(tandem::Table* table, uint64_t first, size_t size, uint32_t event_time) {
  static thread_local std::vector<int64_t> ids, handles;
  static thread_local std::vector<float> values;
  ids.resize(size);
  handles.resize(size);
  values.resize(size * static_cast<size_t>(table->options().dim));
  for (size_t i = 0; i < size; ++i) ids[i] = IdOf(first + i);
  if (!table->Lookup(ids.data(), size, event_time, values.data(), handles.data()).ok()) Fail("no memory for rows");
}

void OtherWork::Run(int cpu, const std::atomic<bool>& stop) {
  StayOn(cpu);
  const int64_t begin = Now();
  double done = 0;
  while (!stop) {
    done += Turn();
    const int64_t due = begin + static_cast<int64_t>(done / most_per_second_ * 1e9);
    const timespec until{due / 1'000'000'000, due % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
  done_ += done;
  seconds_ += static_cast<double>(Now() - begin) * 1e-9;
}

std::unique_ptr<OtherWork> MakeOtherWork(const std::string& name, tandem::Table* table,
                                         const std::atomic<uint32_t>* time) {
  if (name == "snapshot") return std::make_unique<Snapshots>(table);
  if (name == "growth") return std::make_unique<Growth>(table, time);
  if (name == "sweep") return std::make_unique<Sweeps>(table);
  return nullptr;
}

void StayOn(int cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  if (sched_setaffinity(0, sizeof(only), &only) != 0) Fail("no such CPU");
}

}  // namespace bench
