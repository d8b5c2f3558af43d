// Dense of versions/dense.h: a program, the engines that can compute it, and which of them does for each batch size.
//
// Memory:  weights are packed for the engines that are in use: all until WarmUp, then those that it chose.
// Threads: built by one (mutable members, open.cc), then as Dense says. The choice is atomic: WarmUp may run again.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "dense/engine.h"
#include "dense/fold_runner.h"
#include "dense/program.h"
#include "versions/dense.h"

namespace tandem::serving {

class ModelDense : public Dense {
 public:
  static constexpr double kExact = 1e-5;   // how far answers may be from the first engine's
  static constexpr double kNarrow = 1e-2;  // in bfloat16

  // `sizes`: ascending, at least one.
  explicit ModelDense(std::vector<size_t> sizes) : sizes_(std::move(sizes)), chosen_(sizes_.size()) {}

  // While it is built: the program first, then the fold, then engines; the first engine added is the measure of others.
  Program* mutable_program() { return &program_; }
  void SetFold(std::unique_ptr<FoldRunner> fold) { fold_ = std::move(fold); }
  void Add(std::unique_ptr<Engine> engine, double tolerance);
  void Without(const std::string& why) { without_.push_back(why); }  // for the report
  const Program& program() const { return program_; }
  const FoldRunner* fold() const { return fold_.get(); }
  const std::vector<size_t>& sizes() const { return sizes_; }

  size_t features() const override { return program_.features.size(); }
  size_t width(size_t feature) const override { return program_.features[feature].width; }
  size_t outputs() const override { return program_.outputs.size(); }
  size_t largest() const override { return sizes_.back(); }
  Status Prepare(const float* const* weights, std::unique_ptr<const DenseWeights>* made) const override;
  Status WarmUp(const DenseWeights& weights, std::string* report) override;
  std::unique_ptr<DenseScratch> NewScratch() const override;
  Status Run(const DenseWeights& weights, DenseScratch* scratch, size_t batch, float* const* outputs) const override;

 private:
  friend struct ModelScratch;
  size_t EngineOf(size_t batch) const;
  bool InUse(size_t engine) const;

  Program program_;
  std::vector<size_t> sizes_;
  std::unique_ptr<FoldRunner> fold_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<double> tolerances_;  // per engine
  std::vector<std::string> without_;
  std::vector<std::atomic<size_t>> chosen_;  // engine per size
  std::atomic<bool> warm_{false};
};

}  // namespace tandem::serving
