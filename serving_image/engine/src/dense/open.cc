#include "dense/open.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "dense/chain_engine.h"
#include "dense/model_dense.h"
#include "dense/onednn_kernel.h"
#include "dense/panel_kernel.h"
#include "dense/tensorflow_engine.h"

namespace tandem::serving {
namespace {

constexpr size_t kMaxFile = size_t{1} << 30;

Status ReadFile(const std::string& folder, const std::string& name, std::string* bytes) {
  const std::string path = folder + "/" + name;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return Status::Refused(path + " can't be read: " + std::strerror(errno));
  bytes->clear();
  char part[65536];
  for (size_t read; (read = std::fread(part, 1, sizeof part, file.get())) > 0;) {
    bytes->append(part, read);
    if (bytes->size() > kMaxFile) return Status::Refused(path + " has more than 1 GiB");
  }
  if (std::ferror(file.get()) != 0) return Status::Refused(path + " can't be read: " + std::strerror(errno));
  return {};
}

// The first is the one that is right where others differ: the model's own graph, where TensorFlow is there.
Status AddTensorFlow(const DenseOptions& options, const std::string& folder, const Program& program,
                     ModelDense* dense) {
  if (options.tensorflow == nullptr) return {};
  std::string graph;
  if (Status status = ReadFile(folder, program.rest.graph, &graph); !status.ok()) return status;
  std::unique_ptr<Engine> engine;
  Status status = NewTensorFlowEngine(*options.tensorflow, program, graph, dense->sizes(), &engine);
  if (status.ok()) dense->Add(std::move(engine), ModelDense::kExact);
  return status;
}

void AddChains(const DenseOptions& options, ModelDense* dense) {
  const Program& program = dense->program();
  const size_t largest = dense->sizes().back();
  dense->Add(NewChainEngine(program, NewPanelKernel(LayersOf(program)), largest), ModelDense::kExact);
  const auto add = [&](Precision precision, double tolerance) {
    std::unique_ptr<LayerKernel> kernel;
    const Status status = NewOneDnnKernel(LayersOf(program), dense->sizes(), precision, &kernel);
    if (!status.ok()) return dense->Without(status.why());
    dense->Add(NewChainEngine(program, std::move(kernel), largest), tolerance);
  };
  add(Precision::kFloat32, ModelDense::kExact);
  if (options.bfloat16) add(Precision::kBfloat16, ModelDense::kNarrow);
}

}  // namespace

Status OpenDense(const DenseOptions& options, const std::string& folder, const std::vector<size_t>& weights,
                 std::unique_ptr<Dense>* made) {
  std::vector<size_t> sizes = options.sizes;
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  if (sizes.empty() || sizes.front() == 0) {
    return Status::Refused("batch sizes must be a list of numbers from 1; see the flag --sizes");
  }
  std::string text;
  if (Status status = ReadFile(folder, "program.json", &text); !status.ok()) return status;
  auto dense = std::make_unique<ModelDense>(std::move(sizes));
  if (Status status = ParseProgram(text, weights, dense->mutable_program()); !status.ok()) return status;
  const Program& program = dense->program();
  std::string fold;
  if (!program.fold.graph.empty()) {
    if (Status status = ReadFile(folder, program.fold.graph, &fold); !status.ok()) return status;
  }
  std::unique_ptr<FoldRunner> runner;
  if (Status status = FoldRunner::Open(options.tensorflow, program, fold, weights, &runner); !status.ok()) {
    return status;
  }
  dense->SetFold(std::move(runner));
  if (Status status = AddTensorFlow(options, folder, program, dense.get()); !status.ok()) return status;
  if (!program.chain.empty()) {
    AddChains(options, dense.get());
  } else if (options.tensorflow == nullptr) {
    return Status::Refused("this model has no chain (" + program.no_chain_because +
                           ") and needs TensorFlow, which this engine runs without; give it --tensorflow");
  } else {
    dense->Without("no chain: " + program.no_chain_because);
  }
  const PlainParts parts{&dense->program(), dense->fold(), dense->sizes()};
  *made = WithGraph(options.tensorflow, folder, options.graph, parts, std::move(dense));
  return {};
}

}  // namespace tandem::serving
