#include "dense/tensorflow_graph.h"

#include <cstdlib>

#include "core/safetensors.h"  // Quoted
#include "dense/tensorflow_outcome.h"

namespace tandem::serving {
namespace {

// tensorflow.ConfigProto: device_count (field 1) of GPU = 0, so that it computes on the CPU wherever it runs;
// intra_op_parallelism_threads (field 2) = 1, inter_op_parallelism_threads (field 5) = -1, which runs a session in the
// thread that calls it.
constexpr unsigned char kAlone[] = {0x0a, 0x07, 0x0a, 0x03, 'G',  'P',  'U',  0x10, 0x00, 0x10, 0x01,
                                    0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};

}  // namespace

Tensor Borrow(const TensorFlow& api, const float* data, const std::vector<int64_t>& shape) {
  size_t bytes = sizeof(float);
  for (int64_t size : shape) bytes *= static_cast<size_t>(size);
  // TensorFlow writes into a buffer that it alone refers to; the tensor held here is a second reference.
  return Tensor(api.TF_NewTensor(
                    kTensorFlowFloat, shape.data(), static_cast<int>(shape.size()), const_cast<float*>(data), bytes,
                    [](void*, size_t, void*) {}, nullptr),
                DeleteTensor{&api});
}

TensorFlowGraph::~TensorFlowGraph() {
  Outcome outcome(api_);
  if (session_ != nullptr) {
    api_.TF_CloseSession(session_, outcome);
    api_.TF_DeleteSession(session_, outcome);
  }
  if (graph_ != nullptr) api_.TF_DeleteGraph(graph_);
}

Status TensorFlowGraph::Open(const TensorFlow& api, const std::string& name, const std::string& graph,
                             const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                             std::unique_ptr<TensorFlowGraph>* made) {
  std::unique_ptr<TensorFlowGraph> opened(new TensorFlowGraph(api, name));
  if (Status status = opened->Import(graph); !status.ok()) return status;
  for (const auto& [names, found, what] :
       {std::tuple{&inputs, &opened->inputs_, "input"}, std::tuple{&outputs, &opened->outputs_, "output"}}) {
    for (const std::string& tensor : *names) {
      TF_Output output{};
      if (Status status = opened->Find(tensor, what, &output); !status.ok()) return status;
      found->push_back(output);
    }
  }
  if (Status status = opened->Connect(); !status.ok()) return status;
  *made = std::move(opened);
  return {};
}

Status TensorFlowGraph::Import(const std::string& graph) {
  graph_ = api_.TF_NewGraph();
  Outcome outcome(api_);
  TF_ImportGraphDefOptions* options = api_.TF_NewImportGraphDefOptions();
  const TF_Buffer buffer{graph.data(), graph.size(), nullptr};
  api_.TF_GraphImportGraphDef(graph_, &buffer, options, outcome);
  api_.TF_DeleteImportGraphDefOptions(options);
  if (outcome.ok()) return {};
  return outcome.Refusal(name_ + " is no graph that TensorFlow " + api_.TF_Version() + " reads");
}

Status TensorFlowGraph::Find(const std::string& tensor, const char* what, TF_Output* found) const {
  const auto refused = [&](const std::string& why) {
    return Status::Refused(name_ + ": " + what + " " + Quoted(tensor) + " " + why);
  };
  const size_t colon = tensor.rfind(':');
  std::string index = colon == std::string::npos ? "0" : tensor.substr(colon + 1);
  if (index.empty() || index.size() > 4 || index.find_first_not_of("0123456789") != std::string::npos) {
    return refused("must be a name and a number, as name:0");
  }
  *found = {api_.TF_GraphOperationByName(graph_, tensor.substr(0, colon).c_str()), std::atoi(index.c_str())};
  if (found->oper == nullptr || found->index >= api_.TF_OperationNumOutputs(found->oper)) {
    return refused("is not in the graph");
  }
  if (api_.TF_OperationOutputType(*found) != kTensorFlowFloat) return refused("is not float32");
  return {};
}

Status TensorFlowGraph::Connect() {
  Outcome outcome(api_);
  TF_SessionOptions* options = api_.TF_NewSessionOptions();
  api_.TF_SetConfig(options, kAlone, sizeof kAlone, outcome);
  if (outcome.ok()) session_ = api_.TF_NewSession(graph_, options, outcome);
  api_.TF_DeleteSessionOptions(options);
  if (outcome.ok()) return {};
  return outcome.Refusal(name_ + ": TensorFlow makes no session");
}

Status TensorFlowGraph::InputShape(size_t input, std::vector<int64_t>* shape) const {
  Outcome outcome(api_);
  const int rank = api_.TF_GraphGetTensorNumDims(graph_, inputs_[input], outcome);
  if (!outcome.ok() || rank < 0) return Status::Refused(name_ + ": input " + std::to_string(input) + " has no shape");
  shape->assign(static_cast<size_t>(rank), 0);
  api_.TF_GraphGetTensorShape(graph_, inputs_[input], shape->data(), rank, outcome);
  return outcome.ok() ? Status() : outcome.Refusal(name_);
}

Status TensorFlowGraph::Run(TF_Tensor* const* inputs, TF_Tensor** outputs) const {
  Outcome outcome(api_);
  api_.TF_SessionRun(session_, nullptr, inputs_.data(), inputs, static_cast<int>(inputs_.size()), outputs_.data(),
                     outputs, static_cast<int>(outputs_.size()), nullptr, 0, nullptr, outcome);
  return outcome.ok() ? Status() : outcome.Refusal(name_ + " fails");
}

}  // namespace tandem::serving
