// One version of a model: all that an answer is computed from, never changed once made.
//
// Memory:  shares tables, model and dense part with the other versions of its base; has its own dense weights and an
//          epoch, which keeps the rows that it sees.
// Threads: const functions from any thread. It is made and ends on writers' threads; a request reaches it through a
//          Versions::Pin, which keeps it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rows/table_set.h"
#include "versions/dense.h"
#include "versions/model_spec.h"

namespace tandem::serving {

// Base and update; as one number base * 10^9 + update, in text "17.204".
struct VersionId {
  int64_t base = 0;
  int64_t update = 0;

  int64_t number() const { return base * 1'000'000'000 + update; }
  std::string text() const { return std::to_string(base) + "." + std::to_string(update); }
  bool operator==(const VersionId& other) const { return base == other.base && update == other.update; }
};

// What all versions of one base have in common.
struct BaseModel {
  int64_t base = 0;
  ModelSpec spec;
  std::unique_ptr<Dense> dense;
  std::vector<std::shared_ptr<RowTable>> tables;  // in the order of spec.tables
  std::unique_ptr<TableSet::LineId> line;
};

class Version {
 public:
  Version(std::shared_ptr<const BaseModel> model, VersionId id, std::unique_ptr<TableSet::EpochHold> hold,
          std::unique_ptr<const DenseWeights> weights, std::string watermark)
      : model_(std::move(model)),
        id_(id),
        hold_(std::move(hold)),
        weights_(std::move(weights)),
        watermark_(std::move(watermark)) {}

  VersionId id() const { return id_; }
  const ModelSpec& spec() const { return model_->spec; }
  const Dense& dense() const { return *model_->dense; }
  const DenseWeights& weights() const { return *weights_; }
  const RowTable& table(size_t at) const { return *model_->tables[at]; }
  View view() const { return hold_->view(); }
  // Event time up to which it has learned, as the manifest writes it; empty when unknown.
  const std::string& watermark() const { return watermark_; }
  const std::shared_ptr<const BaseModel>& model() const { return model_; }

 private:
  const std::shared_ptr<const BaseModel> model_;
  const VersionId id_;
  const std::unique_ptr<TableSet::EpochHold> hold_;
  const std::unique_ptr<const DenseWeights> weights_;
  const std::string watermark_;
};

}  // namespace tandem::serving
