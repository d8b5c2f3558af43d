#include "dense/fold_runner.h"

#include <algorithm>
#include <utility>

#include "core/finite.h"
#include "core/safetensors.h"  // Quoted

namespace tandem::serving {

Status FoldRunner::Open(const TensorFlow* api, const Program& program, const std::string& graph,
                        const std::vector<size_t>& weights, std::unique_ptr<FoldRunner>* made) {
  std::unique_ptr<FoldRunner> opened(new FoldRunner(program));
  const Fold& fold = program.fold;
  if (!fold.graph.empty()) {
    if (api == nullptr) {
      return Status::Refused(fold.graph + " needs TensorFlow, which this engine runs without; give it --tensorflow");
    }
    std::vector<std::string> inputs;
    for (const FoldInput& input : fold.inputs) inputs.push_back(input.tensor);
    Status status = TensorFlowGraph::Open(*api, fold.graph, graph, inputs, fold.outputs, &opened->graph_);
    if (!status.ok()) return status;
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::vector<int64_t> shape;
      if (status = opened->graph_->InputShape(i, &shape); !status.ok()) return status;
      size_t floats = 1;
      for (int64_t size : shape) floats *= static_cast<size_t>(std::max<int64_t>(size, 0));
      if (floats != weights[fold.inputs[i].weight] || std::count(shape.begin(), shape.end(), -1) > 0) {
        return Status::Refused(fold.graph + ": input " + Quoted(inputs[i]) + " has not the shape of weight " +
                               std::to_string(fold.inputs[i].weight) + " of model.json");
      }
      opened->shapes_.push_back(std::move(shape));
    }
  }
  *made = std::move(opened);
  return {};
}

Status FoldRunner::RunGraph(const float* const* weights, std::vector<Tensor>* results) const {
  std::vector<Tensor> inputs;
  std::vector<TF_Tensor*> feed;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    inputs.push_back(Borrow(graph_->api(), weights[program_.fold.inputs[i].weight], shapes_[i]));
    feed.push_back(inputs.back().get());
  }
  std::vector<TF_Tensor*> outputs(graph_->outputs());
  Status status = graph_->Run(feed.data(), outputs.data());
  if (!status.ok()) return status;
  for (TF_Tensor* output : outputs) results->emplace_back(output, DeleteTensor{&graph_->api()});
  return {};
}

Status FoldRunner::Run(const float* const* weights, Slots* slots) const {
  std::vector<Tensor> results;
  if (graph_ != nullptr) {
    if (Status status = RunGraph(weights, &results); !status.ok()) return status;
  }
  slots->clear();
  for (const Slot& slot : program_.slots) {
    const float* data = nullptr;
    if (slot.weight != kNone) {
      data = weights[slot.weight];
    } else {
      const TensorFlow& api = graph_->api();
      TF_Tensor* tensor = results[slot.fold].get();
      std::vector<size_t> shape;
      for (int i = 0; i < api.TF_NumDims(tensor); ++i) shape.push_back(static_cast<size_t>(api.TF_Dim(tensor, i)));
      if (shape != slot.shape) {
        return Status::Refused(program_.fold.graph + " makes slot " + Quoted(slot.name) +
                               " in another shape than program.json says; export the base again");
      }
      data = static_cast<const float*>(api.TF_TensorData(tensor));
    }
    slots->emplace_back(slot.floats());
    float* to = slots->back().data();
    std::copy_n(data, slot.floats(), to);
    if (const size_t bad = FirstNotFinite(to, slot.floats()); bad < slot.floats()) {
      return Status::Refused("slot " + Quoted(slot.name) + " has a value that is not finite, at " +
                             std::to_string(bad) + "; the weights that it is made of are bad");
    }
  }
  return {};
}

}  // namespace tandem::serving
