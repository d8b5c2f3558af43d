#include "dense/model_dense.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dense/warm_up.h"

namespace tandem::serving {
namespace {

struct ModelWeights : DenseWeights {
  std::vector<std::unique_ptr<const DenseWeights>> engines;  // null: not in use

  size_t bytes() const override {
    size_t sum = 0;
    for (const auto& weights : engines) sum += weights == nullptr ? 0 : weights->bytes();
    return sum;
  }
};

}  // namespace

// Remembers the engine of the last Room, so that a batch is computed where it was written, whatever WarmUp chooses
// between.
struct ModelScratch : DenseScratch {
  explicit ModelScratch(const ModelDense& owner) : dense(owner), engines(owner.engines_.size()) {}

  const FeatureRoom* Room(size_t batch) override {
    engine = dense.EngineOf(batch);
    if (engines[engine] == nullptr) engines[engine] = dense.engines_[engine]->NewScratch();
    engines[engine]->answers = answers;
    return engines[engine]->Room(batch);
  }

  const ModelDense& dense;
  std::vector<std::unique_ptr<DenseScratch>> engines;
  size_t engine = 0;
};

void ModelDense::Add(std::unique_ptr<Engine> engine, double tolerance) {
  engines_.push_back(std::move(engine));
  tolerances_.push_back(tolerance);
}

size_t ModelDense::EngineOf(size_t batch) const {
  const auto found = std::lower_bound(sizes_.begin(), sizes_.end() - 1, batch);
  return chosen_[static_cast<size_t>(found - sizes_.begin())].load(std::memory_order_relaxed);
}

bool ModelDense::InUse(size_t engine) const {
  if (!warm_.load(std::memory_order_acquire)) return true;
  return std::any_of(chosen_.begin(), chosen_.end(), [&](const auto& chosen) { return chosen == engine; });
}

Status ModelDense::Prepare(const float* const* weights, std::unique_ptr<const DenseWeights>* made) const {
  auto slots = std::make_shared<Slots>();
  if (Status status = fold_->Run(weights, slots.get()); !status.ok()) return status;
  auto packed = std::make_unique<ModelWeights>();
  packed->engines.resize(engines_.size());
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (!InUse(i)) continue;
    if (Status status = engines_[i]->Pack(slots, &packed->engines[i]); !status.ok()) return status;
  }
  *made = std::move(packed);
  return {};
}

Status ModelDense::WarmUp(const DenseWeights& weights, std::string* report) {
  const auto& packed = static_cast<const ModelWeights&>(weights);
  std::vector<size_t> indices;
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (packed.engines[i] == nullptr) continue;
    indices.push_back(i);
    candidates.push_back({engines_[i].get(), packed.engines[i].get(), tolerances_[i]});
  }
  std::vector<WarmedSize> warmed;
  if (Status status = WarmUpSizes(program_, candidates, sizes_, &warmed); !status.ok()) return status;
  nlohmann::json lines = nlohmann::json::array();
  for (size_t s = 0; s < warmed.size(); ++s) {
    chosen_[s].store(indices[warmed[s].chosen], std::memory_order_relaxed);
    nlohmann::json times = nlohmann::json::object(), differ = nlohmann::json::object();
    for (size_t c = 0; c < candidates.size(); ++c) {
      const char* name = candidates[c].engine->name();
      if (warmed[s].microseconds[c] >= 0) {
        times[name] = warmed[s].microseconds[c];
      } else {
        differ[name] = warmed[s].error[c];
      }
    }
    nlohmann::json line = {{"rows", warmed[s].rows},
                           {"engine", engines_[indices[warmed[s].chosen]]->name()},
                           {"microseconds", std::move(times)}};
    // JSON has no infinity; such an error is null.
    if (!differ.empty()) line["differ"] = std::move(differ);
    lines.push_back(std::move(line));
  }
  *report = nlohmann::json{{"sizes", std::move(lines)}, {"without", without_}}.dump();
  warm_.store(true, std::memory_order_release);
  return {};
}

std::unique_ptr<DenseScratch> ModelDense::NewScratch() const {
  auto scratch = std::make_unique<ModelScratch>(*this);
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (warm_.load(std::memory_order_acquire) && InUse(i)) scratch->engines[i] = engines_[i]->NewScratch();
  }
  return scratch;
}

Status ModelDense::Run(const DenseWeights& weights, DenseScratch* scratch, size_t batch, float* const* outputs) const {
  const auto& packed = static_cast<const ModelWeights&>(weights);
  auto* own = static_cast<ModelScratch*>(scratch);
  // A version packed before another WarmUp may lack the engine that is chosen now.
  if (packed.engines[own->engine] == nullptr) {
    return Status::Refused("a bug: this version was not packed for engine " +
                           std::string(engines_[own->engine]->name()));
  }
  return engines_[own->engine]->Run(*packed.engines[own->engine], own->engines[own->engine].get(), batch, outputs);
}

}  // namespace tandem::serving
