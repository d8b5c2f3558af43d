// Loads a base, applies updates and says what each version consists of, for a comparison with another reader of the
// store.
//
//   engine_rebuild BASE FOLDER < updates        a line per update: NUMBER update|keyframe FILE
//
// Prints for the base and for each update that is taken "VERSION THING COUNT DIGEST" for every table (COUNT rows; keys
// ascending, then values) and for the weights, or "refused WHY". DIGEST is XXH64 in hex.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/xxh64.h"
#include "versions/line.h"

namespace tandem::serving {
namespace {

class KeptWeights : public DenseWeights {
 public:
  explicit KeptWeights(std::vector<float> floats) : floats(std::move(floats)) {}
  size_t bytes() const override { return floats.size() * sizeof(float); }
  const std::vector<float> floats;
};

class NoScratch : public DenseScratch {
 public:
  explicit NoScratch(const std::vector<size_t>& widths) : widths_(widths), rooms_(widths.size()) {}
  const FeatureRoom* Room(size_t batch) override {
    floats_.clear();
    for (size_t i = 0; i < rooms_.size(); ++i) {
      floats_.emplace_back(batch * widths_[i]);
      rooms_[i] = {floats_.back().data(), widths_[i], widths_[i]};
    }
    return rooms_.data();
  }

 private:
  const std::vector<size_t> widths_;
  std::vector<std::vector<float>> floats_;
  std::vector<FeatureRoom> rooms_;
};

// Keeps weights as they come and answers zero.
class KeepingDense : public Dense {
 public:
  KeepingDense(std::vector<size_t> counts, std::vector<size_t> widths, size_t outputs)
      : counts_(std::move(counts)), widths_(std::move(widths)), outputs_(outputs) {}
  size_t features() const override { return widths_.size(); }
  size_t width(size_t feature) const override { return widths_[feature]; }
  size_t outputs() const override { return outputs_; }
  size_t largest() const override { return 8; }
  Status Prepare(const float* const* weights, std::unique_ptr<const DenseWeights>* made) const override {
    std::vector<float> floats;
    for (size_t i = 0; i < counts_.size(); ++i) floats.insert(floats.end(), weights[i], weights[i] + counts_[i]);
    *made = std::make_unique<KeptWeights>(std::move(floats));
    return Status();
  }
  Status WarmUp(const DenseWeights&, std::string*) override { return Status(); }
  std::unique_ptr<DenseScratch> NewScratch() const override { return std::make_unique<NoScratch>(widths_); }
  Status Run(const DenseWeights&, DenseScratch*, size_t batch, float* const* outputs) const override {
    for (size_t i = 0; i < outputs_; ++i) std::fill_n(outputs[i], batch, 0.0F);
    return Status();
  }

 private:
  const std::vector<size_t> counts_, widths_;
  const size_t outputs_;
};

Status OpenKeeping(const std::string& folder, const std::vector<size_t>& counts, std::unique_ptr<Dense>* made) {
  ModelSpec spec;
  std::ifstream file(folder + "/model.json");
  if (Status status = ParseModelSpec({std::istreambuf_iterator<char>(file), {}}, &spec); !status.ok()) return status;
  std::vector<size_t> widths;
  for (const size_t input : spec.features) widths.push_back(spec.width(spec.inputs[input]));
  *made = std::make_unique<KeepingDense>(counts, widths, spec.outputs.size());
  return Status();
}

void Say(const Version& version, const std::string& thing, size_t count, const std::string& bytes) {
  std::printf("%s %s %zu %016lx\n", version.id().text().c_str(), thing.c_str(), count,
              static_cast<unsigned long>(Xxh64(bytes.data(), bytes.size())));
}

void SayAll(const Version& version) {
  for (size_t at = 0; at < version.spec().tables.size(); ++at) {
    const TableSpec& spec = version.spec().tables[at];
    std::map<int64_t, const float*> rows;
    version.model()->tables[at]->ForEach(version.view(), [&](int64_t key, const float* row) {
      rows[key] = row;
      return true;
    });
    std::string keys, values;
    for (const auto& [key, row] : rows) {
      keys.append(reinterpret_cast<const char*>(&key), sizeof key);
      values.append(reinterpret_cast<const char*>(row), spec.dim * sizeof(float));
    }
    Say(version, spec.name, rows.size(), keys + values);
  }
  const auto& floats = static_cast<const KeptWeights&>(version.weights()).floats;
  Say(version, "weights", floats.size(), {reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float)});
}

int Main(int64_t base, const std::string& folder) {
  TableSet tables;
  std::unique_ptr<Line> line;
  std::string report;
  const Outcome loaded = Line::Load(&tables, {base, folder, ""}, OpenKeeping, [] { return true; }, &line, &report);
  if (!loaded.ok()) {
    std::printf("refused %s\n", loaded.why().c_str());
    return 0;
  }
  SayAll(*line->newest());
  UpdateFile file;
  file.base = base;
  for (std::string kind; std::cin >> file.update >> kind >> file.path;) {
    file.keyframe = kind == "keyframe";
    const Outcome applied = line->Apply(file);
    if (applied.ok()) {
      SayAll(*line->newest());
    } else {
      std::printf("refused %s\n", applied.why().c_str());
    }
    (void)tables.Reclaim();
  }
  return 0;
}

}  // namespace
}  // namespace tandem::serving

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "engine_rebuild BASE FOLDER < updates\n");
    return 2;
  }
  return tandem::serving::Main(std::stoll(argv[1]), argv[2]);
}
