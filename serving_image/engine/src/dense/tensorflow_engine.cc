#include "dense/tensorflow_engine.h"

#include <algorithm>
#include <utility>

#include "core/safetensors.h"  // Quoted
#include "dense/call_graph.h"
#include "dense/tensorflow_graph.h"

namespace tandem::serving {
namespace {

// One version's slots as the graph takes them.
struct SlotTensors {
  std::shared_ptr<const Slots> slots;
  std::vector<Tensor> tensors;  // of the slots that the graph takes
};

struct TensorFlowWeights : DenseWeights {
  std::shared_ptr<const SlotTensors> own;

  size_t bytes() const override {
    size_t sum = 0;
    for (const Floats& slot : *own->slots) sum += slot.bytes();
    return sum;
  }
};

struct TensorFlowScratch : DenseScratch {
  std::vector<size_t> sizes;
  std::vector<Floats> features;              // for the greatest size
  std::vector<std::vector<Tensor>> tensors;  // per size, on that memory
  std::vector<FeatureRoom> rooms;
  std::vector<TF_Tensor*> inputs, outputs;  // of one run

  const FeatureRoom* Room(size_t) override { return rooms.data(); }
};

class TensorFlowEngine : public Engine {
 public:
  TensorFlowEngine(const Program& program, std::unique_ptr<TensorFlowGraph> graph, std::vector<size_t> sizes)
      : program_(program), graph_(std::move(graph)), sizes_(std::move(sizes)) {
    for (size_t i = 0; i < program_.slots.size(); ++i) {
      if (!program_.rest.slots[i].empty()) taken_.push_back(i);
    }
    if (program_.fold.intervals) call_graph_ = std::make_unique<CallGraph<SlotTensors>>(*program_.fold.intervals);
  }

  const char* name() const override { return "tensorflow"; }

  Status Pack(const std::shared_ptr<const Slots>& slots, std::unique_ptr<const DenseWeights>* made) const override {
    auto own = std::make_shared<SlotTensors>();
    own->slots = slots;
    for (size_t i : taken_) {
      const std::vector<size_t>& shape = program_.slots[i].shape;
      own->tensors.push_back(Borrow(graph_->api(), (*slots)[i].data(), {shape.begin(), shape.end()}));
    }
    auto weights = std::make_unique<TensorFlowWeights>();
    weights->own = std::move(own);
    *made = std::move(weights);
    return {};
  }

  std::unique_ptr<DenseScratch> NewScratch() const override {
    auto scratch = std::make_unique<TensorFlowScratch>();
    scratch->sizes = sizes_;
    for (const Feature& feature : program_.features) {
      scratch->features.emplace_back(sizes_.back() * feature.width);
      scratch->rooms.push_back({scratch->features.back().data(), feature.width, feature.width});
    }
    for (size_t size : sizes_) {
      scratch->tensors.emplace_back();
      for (size_t i = 0; i < program_.features.size(); ++i) {
        scratch->tensors.back().push_back(
            Borrow(graph_->api(), scratch->features[i].data(),
                   {static_cast<int64_t>(size), static_cast<int64_t>(program_.features[i].width)}));
      }
    }
    scratch->inputs.reserve(program_.features.size() + program_.slots.size());
    scratch->outputs.resize(program_.outputs.size());
    return scratch;
  }

  Status Run(const DenseWeights& any_weights, DenseScratch* any_scratch, size_t batch,
             float* const* outputs) const override {
    const auto& weights = static_cast<const TensorFlowWeights&>(any_weights);
    auto* scratch = static_cast<TensorFlowScratch*>(any_scratch);
    const auto found = std::lower_bound(sizes_.begin(), sizes_.end() - 1, batch);
    scratch->inputs.clear();
    for (const Tensor& tensor : scratch->tensors[static_cast<size_t>(found - sizes_.begin())]) {
      scratch->inputs.push_back(tensor.get());
    }
    std::shared_ptr<const SlotTensors> folded = weights.own;
    if (call_graph_ != nullptr && scratch->answers) folded = call_graph_->Next(folded);
    for (size_t i = 0; i < taken_.size(); ++i) {
      const bool made = program_.slots[taken_[i]].fold != kNone;
      scratch->inputs.push_back((made ? *folded : *weights.own).tensors[i].get());
    }
    Status status = graph_->Run(scratch->inputs.data(), scratch->outputs.data());
    if (!status.ok()) return status;
    for (size_t k = 0; k < program_.outputs.size(); ++k) {
      const Tensor output(scratch->outputs[k], DeleteTensor{&graph_->api()});
      if (status.ok()) status = Take(output.get(), k, *found, batch, outputs[k]);
    }
    return status;
  }

 private:
  Status Take(TF_Tensor* output, size_t index, size_t size, size_t batch, float* to) const {
    const TensorFlow& api = graph_->api();
    const int rank = api.TF_NumDims(output);
    const bool column = rank == 2 && api.TF_Dim(output, 1) == 1;
    if ((rank != 1 && !column) || api.TF_Dim(output, 0) != static_cast<int64_t>(size)) {
      return Status::Refused(program_.rest.graph + ": output " + Quoted(program_.outputs[index]) +
                             " must have one float for each row of the batch; export it of shape (batch,)");
    }
    std::copy_n(static_cast<const float*>(api.TF_TensorData(output)), batch, to);
    return {};
  }

  const Program& program_;
  std::unique_ptr<TensorFlowGraph> graph_;
  std::vector<size_t> sizes_;
  std::vector<size_t> taken_;                           // slots that the graph takes
  std::unique_ptr<CallGraph<SlotTensors>> call_graph_;  // null: each version answers with its own results
};

}  // namespace

Status NewTensorFlowEngine(const TensorFlow& api, const Program& program, const std::string& graph,
                           std::vector<size_t> sizes, std::unique_ptr<Engine>* made) {
  std::vector<std::string> inputs = program.rest.features;
  for (const std::string& slot : program.rest.slots) {
    if (!slot.empty()) inputs.push_back(slot);
  }
  std::unique_ptr<TensorFlowGraph> opened;
  Status status = TensorFlowGraph::Open(api, program.rest.graph, graph, inputs, program.rest.outputs, &opened);
  if (status.ok()) *made = std::make_unique<TensorFlowEngine>(program, std::move(opened), std::move(sizes));
  return status;
}

}  // namespace tandem::serving
