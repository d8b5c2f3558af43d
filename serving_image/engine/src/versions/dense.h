// What a version needs of the dense part of its base, whatever computes it.
//
// Memory:  DenseWeights are made once per version and never changed. All that a batch needs beside them is in a
//          DenseScratch, which one engine thread keeps: steady state allocates nothing.
// Threads: const functions of Dense and DenseWeights from any thread at once; WarmUp before the first of them that runs
//          beside it; a DenseScratch belongs to one thread.
//
// Features stand in the order of model.json's dense.features, weights and outputs in that of its weights and outputs.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/status.h"

namespace tandem::serving {

// Where a caller writes one feature: row r starts at data + r * stride and has `width` floats.
struct FeatureRoom {
  float* data = nullptr;
  size_t stride = 0;  // floats
  size_t width = 0;
};

// What the weights of one version became: folded, packed.
class DenseWeights {
 public:
  virtual ~DenseWeights() = default;
  virtual size_t bytes() const = 0;
};

// What one engine thread writes on, for one Dense, which it does not outlive.
class DenseScratch {
 public:
  virtual ~DenseScratch() = default;
  // Room for the features of `batch` rows (1 to largest()), valid until the next call. The caller writes rows 0 to
  // batch - 1 of every feature.
  virtual const FeatureRoom* Room(size_t batch) = 0;

  // Whether clients get what is computed on it. Probes and warm-up are no calls in the sense of CallGraph.
  bool answers = false;
};

// The dense function of one base.
class Dense {
 public:
  virtual ~Dense() = default;

  virtual size_t features() const = 0;
  virtual size_t width(size_t feature) const = 0;
  virtual size_t outputs() const = 0;
  virtual size_t largest() const = 0;  // rows of one Run; the caller cuts what is larger

  // Folds and packs. `weights` are read during the call only; any alignment, sizes as model.json says.
  virtual Status Prepare(const float* const* weights, std::unique_ptr<const DenseWeights>* made) const = 0;

  // Runs every batch size and chooses how each is computed; once per base, before its first version is published.
  // `report`: one JSON object for the log.
  virtual Status WarmUp(const DenseWeights& weights, std::string* report) = 0;

  virtual std::unique_ptr<DenseScratch> NewScratch() const = 0;

  // Computes the batch of the last Room(); outputs[k] takes `batch` floats.
  virtual Status Run(const DenseWeights& weights, DenseScratch* scratch, size_t batch, float* const* outputs) const = 0;
};

}  // namespace tandem::serving
