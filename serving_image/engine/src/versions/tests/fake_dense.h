// A dense part that tests can compute by hand: output k = (sum of all features) * scale[k] / sqrt(variance).
//
// Memory:  plain vectors.
// Threads: as Dense says.
#pragma once

#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "versions/dense.h"

namespace tandem::serving {

class FakeWeights : public DenseWeights {
 public:
  FakeWeights(std::vector<float> scale, float variance) : scale(std::move(scale)), variance(variance) {}
  size_t bytes() const override { return scale.size() * sizeof(float); }

  const std::vector<float> scale;
  const float variance;
};

class FakeScratch : public DenseScratch {
 public:
  explicit FakeScratch(const std::vector<size_t>& widths) : features_(widths.size()), rooms_(widths.size()) {
    for (size_t i = 0; i < widths.size(); ++i) rooms_[i].width = rooms_[i].stride = widths[i];
  }

  const FeatureRoom* Room(size_t batch) override {
    for (size_t i = 0; i < rooms_.size(); ++i) {
      features_[i].assign(batch * rooms_[i].stride, NAN);
      rooms_[i].data = features_[i].data();
    }
    return rooms_.data();
  }

  float Sum(size_t row) const {
    float sum = 0;
    for (const FeatureRoom& room : rooms_) {
      sum = std::accumulate(room.data + row * room.stride, room.data + row * room.stride + room.width, sum);
    }
    return sum;
  }

 private:
  std::vector<std::vector<float>> features_;
  std::vector<FeatureRoom> rooms_;
};

class FakeDense : public Dense {
 public:
  FakeDense(std::vector<size_t> widths, size_t outputs) : widths_(std::move(widths)), outputs_(outputs) {}

  size_t features() const override { return widths_.size(); }
  size_t width(size_t feature) const override { return widths_[feature]; }
  size_t outputs() const override { return outputs_; }
  size_t largest() const override { return 4; }

  Status Prepare(const float* const* weights, std::unique_ptr<const DenseWeights>* made) const override {
    if (weights[0][0] == kCannotFold) return Status::Refused("the fold graph fails");
    *made = std::make_unique<FakeWeights>(std::vector<float>(weights[0], weights[0] + outputs_), weights[1][0]);
    return Status();
  }

  Status WarmUp(const DenseWeights&, std::string* report) override {
    *report = "{\"warm\":true}";
    return Status();
  }

  std::unique_ptr<DenseScratch> NewScratch() const override { return std::make_unique<FakeScratch>(widths_); }

  Status Run(const DenseWeights& weights, DenseScratch* scratch, size_t batch, float* const* outputs) const override {
    const auto& fake = static_cast<const FakeWeights&>(weights);
    for (size_t k = 0; k < outputs_; ++k) {
      for (size_t row = 0; row < batch; ++row) {
        outputs[k][row] = static_cast<FakeScratch*>(scratch)->Sum(row) * fake.scale[k] / std::sqrt(fake.variance);
      }
    }
    return Status();
  }

  static constexpr float kCannotFold = 777;

 private:
  const std::vector<size_t> widths_;
  const size_t outputs_;
};

}  // namespace tandem::serving
