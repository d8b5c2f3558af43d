// A model of a few lines: the answer of a row is its number plus the version's update, so that any mixing shows.
//
// Memory:  the versions that were published.
// Threads: as door/model.h asks of a Model; Publish and Drop from one thread at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "door/model.h"
#include "door/tests/request_maker.h"

namespace tandem::serving::door::testing {

class FakeModel final : public Model {
 public:
  explicit FakeModel(size_t most_rows = 8) : most_rows_(most_rows) {}

  void Publish(VersionName version) {
    const std::lock_guard<std::mutex> lock(mutex_);
    versions_.insert(versions_.begin(), version);
  }

  std::unique_ptr<const Pin> Get(std::optional<int64_t> number) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const VersionName& version : versions_) {
      if (!number || version.number() == *number) return std::make_unique<FakePin>(version, &spec_);
    }
    return nullptr;
  }

  std::vector<VersionName> Here() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return versions_;
  }

  std::vector<std::pair<std::string, VersionName>> Labels() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return labels_;
  }
  void Label(const std::string& label, VersionName version) {
    const std::lock_guard<std::mutex> lock(mutex_);
    labels_.emplace_back(label, version);
  }

  size_t most_rows() const override { return most_rows_; }
  std::unique_ptr<Worker> NewWorker() override { return std::make_unique<FakeWorker>(this); }

  // What the first output of a row is; the second is its negative.
  static float Answer(int64_t user, VersionName version) {
    return static_cast<float>(user) + static_cast<float>(version.update) / 1024.0f;
  }

  // Runs wait until the gate is open; Entered waits until so many stand before it.
  void Shut() {
    const std::lock_guard<std::mutex> lock(mutex_);
    shut_ = true;
  }
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    shut_ = false;
    gate_.notify_all();
  }
  void Entered(int runs = 1) {
    std::unique_lock<std::mutex> lock(mutex_);
    gate_.wait(lock, [this, runs] { return waits_ >= runs; });
  }

  std::atomic<size_t> runs = 0;
  std::atomic<size_t> largest = 0;
  std::atomic<bool> broken = false;

 private:
  class FakePin final : public Pin {
   public:
    FakePin(VersionName name, const ModelSpec* spec) : name_(name), spec_(spec) {}
    const ModelSpec& spec() const override { return *spec_; }
    VersionName name() const override { return name_; }

   private:
    VersionName name_;
    const ModelSpec* spec_;
  };

  class FakeWorker final : public Worker {
   public:
    explicit FakeWorker(FakeModel* model) : model_(model) {}

    Status Run(const Pin& version, const Batch& batch, float* const* outputs, StageTimes* times) override {
      model_->Pass();
      ++model_->runs;
      if (batch.rows > model_->largest) model_->largest = batch.rows;
      if (model_->broken) return Status::Refused("the fake is broken");
      for (size_t row = 0; row < batch.rows; ++row) {
        outputs[0][row] = Answer(batch.inputs[0].ids[row], version.name());
        outputs[1][row] = -outputs[0][row];
        // 1e38 times ten is no finite number.
        if (batch.inputs[2].values[row * 2] > 1e37f) outputs[1][row] = batch.inputs[2].values[row * 2] * 1e30f;
      }
      times->gather += 1;
      times->dense += 2;
      return {};
    }

   private:
    FakeModel* model_;
  };

  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waits_;
    gate_.notify_all();
    gate_.wait(lock, [this] { return !shut_; });
    --waits_;
  }

  const size_t most_rows_;
  const ModelSpec spec_ = SearchSpec();
  mutable std::mutex mutex_;
  std::condition_variable gate_;
  bool shut_ = false;
  int waits_ = 0;
  std::vector<VersionName> versions_;
  std::vector<std::pair<std::string, VersionName>> labels_;
};

}  // namespace tandem::serving::door::testing
