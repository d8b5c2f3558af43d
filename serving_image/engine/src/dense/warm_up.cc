#include "dense/warm_up.h"

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "dense/error.h"

namespace tandem::serving {
namespace {

constexpr int kRounds = 5;              // candidates take turns, so that none meets only a busy moment
constexpr double kRoundSeconds = 2e-3;  // of one candidate's turn; at least one run

using Answers = std::vector<std::vector<float>>;

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The same numbers from -1 to 1 for every candidate, wherever it wants them.
void FillRooms(const Program& program, const FeatureRoom* rooms, size_t rows) {
  uint64_t state = 1;
  for (size_t f = 0; f < program.features.size(); ++f) {
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < program.features[f].width; ++i) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        rooms[f].data[r * rooms[f].stride + i] = static_cast<float>(static_cast<int32_t>(state >> 32)) / 2147483648.0f;
      }
    }
  }
}

class Runner {
 public:
  Runner(const Program& program, const Candidate& candidate, size_t rows)
      : candidate_(candidate),
        scratch_(candidate.engine->NewScratch()),
        rows_(rows),
        answers_(program.outputs.size(), std::vector<float>(rows)) {
    for (auto& answer : answers_) outputs_.push_back(answer.data());
    FillRooms(program, scratch_->Room(rows), rows);
  }

  Status Run() { return candidate_.engine->Run(*candidate_.weights, scratch_.get(), rows_, outputs_.data()); }
  const Answers& answers() const { return answers_; }

  // Seconds of one run, averaged over a turn.
  double Turn() {
    const double start = ThreadSeconds();
    double end = start;
    int runs = 0;
    for (; end - start < kRoundSeconds; ++runs, end = ThreadSeconds()) {
      if (!Run().ok()) return std::numeric_limits<double>::infinity();
    }
    return (end - start) / runs;
  }

 private:
  const Candidate& candidate_;
  std::unique_ptr<DenseScratch> scratch_;
  size_t rows_;
  Answers answers_;
  std::vector<float*> outputs_;
};

}  // namespace

Status WarmUpSizes(const Program& program, const std::vector<Candidate>& candidates, const std::vector<size_t>& sizes,
                   std::vector<WarmedSize>* warmed) {
  warmed->clear();
  for (size_t rows : sizes) {
    WarmedSize size;
    size.rows = rows;
    std::vector<std::unique_ptr<Runner>> runners;
    for (const Candidate& candidate : candidates) {
      runners.push_back(std::make_unique<Runner>(program, candidate, rows));
      const Status status = runners.back()->Run();
      if (!status.ok() && runners.size() == 1) return status;
      size.error.push_back(status.ok() ? GreatestError(runners.back()->answers(), runners[0]->answers())
                                       : std::numeric_limits<double>::infinity());
      size.microseconds.push_back(size.error.back() <= candidate.tolerance ? std::numeric_limits<double>::infinity()
                                                                           : -1);
    }
    for (int round = 0; round < kRounds; ++round) {
      for (size_t i = 0; i < runners.size(); ++i) {
        double& best = size.microseconds[i];
        if (best >= 0) best = std::min(best, 1e6 * runners[i]->Turn());
      }
    }
    for (size_t i = 1; i < runners.size(); ++i) {
      const double best = size.microseconds[i];
      if (best >= 0 && best < size.microseconds[size.chosen]) size.chosen = i;
    }
    warmed->push_back(std::move(size));
  }
  return {};
}

}  // namespace tandem::serving
