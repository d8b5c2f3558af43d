// A request for the door's tests, what became of it, and what answers it.
//
// Memory:  a job keeps its own bytes.
// Threads: Wait from one thread while another answers.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/tests/check.h"
#include "door/batch_runner.h"
#include "door/tests/fake_model.h"
#include "door/tests/request_maker.h"

namespace tandem::serving::door::testing {

// A request for some rows of one user, and what became of it.
class Asked final : public Job {
 public:
  explicit Asked(int64_t user, size_t rows = 1, std::optional<int64_t> version = {}, float number = 0.0f) {
    const auto n = static_cast<int64_t>(rows);
    bytes_ = Request(version ? VersionSelector("search", *version) : Selector("search"),
                     {{"user", Int64s({n}, std::vector<int64_t>(rows, user))},
                      {"words", Strings({n, 3}, {"red"})},
                      {"numeric", Floats({n, 2}, std::vector<float>(rows * 2, number))}});
    CHECK(Parse(bytes_, &request).ok());
    bytes = bytes_.size();
    arrived = Clock::now();
  }

  void Done(const Refusal& refusal, const door::Answer* answer) override {
    refusal_ = refusal;
    if (answer != nullptr) {
      version = answer->version;
      values.assign(answer->values[0], answer->values[0] + answer->rows);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ++times;
    told_.notify_all();
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    told_.wait(lock, [this] { return times > 0; });
  }

  const Refusal& refusal() const { return refusal_; }

  int times = 0;
  VersionName version;
  std::vector<float> values;

 private:
  std::string bytes_;
  Refusal refusal_;
  std::mutex mutex_;
  std::condition_variable told_;
};

using Jobs = std::vector<std::unique_ptr<Asked>>;

struct Bench {
  explicit Bench(size_t most_rows = 8) : model(most_rows), runner(Options(), &model, &metrics) {}

  static RunnerOptions Options() {
    RunnerOptions options;
    options.served_name = "search";
    options.most_rows = 100;
    return options;
  }

  void Run(const std::vector<Job*>& jobs) { runner.Run(jobs); }

  FakeModel model;
  Metrics metrics;
  BatchRunner runner;
};

}  // namespace tandem::serving::door::testing
