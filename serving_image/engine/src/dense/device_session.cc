#include "dense/device_session.h"

#include <cstring>

#include "core/safetensors.h"  // Quoted
#include "dense/tensorflow_outcome.h"

namespace tandem::serving {
namespace {

// tensorflow.ConfigProto: intra_op_parallelism_threads (field 2) = 1, inter_op_parallelism_threads (field 5) = -1,
// which runs a session in the thread that calls it; gpu_options (6) with allow_growth (4), since by default it takes
// all of the GPU's memory; allow_soft_placement (7), for operations that only the CPU has.
constexpr unsigned char kOnDevice[] = {0x10, 0x01, 0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0x01, 0x32, 0x02, 0x20, 0x01, 0x38, 0x01};

TF_Session* NewSession(const TensorFlow& api, TF_Graph* graph, TF_Status* status) {
  TF_SessionOptions* options = api.TF_NewSessionOptions();
  api.TF_SetConfig(options, kOnDevice, sizeof kOnDevice, status);
  TF_Session* session = nullptr;
  if (api.TF_GetCode(status) == kTensorFlowOk) session = api.TF_NewSession(graph, options, status);
  api.TF_DeleteSessionOptions(options);
  return session;
}

void Close(const TensorFlow& api, TF_Session* session) {
  if (session == nullptr) return;
  Outcome outcome(api);
  api.TF_CloseSession(session, outcome);
  api.TF_DeleteSession(session, outcome);
}

}  // namespace

DeviceSession::~DeviceSession() {
  Close(api_, session_);
  if (graph_ != nullptr) api_.TF_DeleteGraph(graph_);
}

Status DeviceSession::FindGpu(const TensorFlow& api, bool* found) {
  *found = false;
  Outcome outcome(api);
  TF_Graph* graph = api.TF_NewGraph();
  TF_Session* session = NewSession(api, graph, outcome);
  TF_DeviceList* devices = outcome.ok() ? api.TF_SessionListDevices(session, outcome) : nullptr;
  if (outcome.ok()) {
    for (int i = 0; i < api.TF_DeviceListCount(devices); ++i) {
      const char* type = api.TF_DeviceListType(devices, i, outcome);
      if (outcome.ok() && std::strcmp(type, "GPU") == 0) *found = true;
    }
  }
  if (devices != nullptr) api.TF_DeleteDeviceList(devices);
  Close(api, session);
  api.TF_DeleteGraph(graph);
  return outcome.ok() ? Status() : outcome.Refusal("TensorFlow does not list its devices");
}

Status DeviceSession::Open(const TensorFlow& api, const GraphPlan& plan, const std::string& graph,
                           const std::string& device, std::unique_ptr<DeviceSession>* made) {
  std::unique_ptr<DeviceSession> opened(new DeviceSession(api));
  if (Status status = opened->Import(plan.graph, graph, device); !status.ok()) return status;
  if (Status status = opened->Find(plan); !status.ok()) return status;
  Outcome outcome(api);
  opened->session_ = NewSession(api, opened->graph_, outcome);
  if (!outcome.ok()) return outcome.Refusal(plan.graph + ": TensorFlow makes no session on " + device);
  *made = std::move(opened);
  return {};
}

Status DeviceSession::Import(const std::string& name, const std::string& graph, const std::string& device) {
  graph_ = api_.TF_NewGraph();
  Outcome outcome(api_);
  TF_ImportGraphDefOptions* options = api_.TF_NewImportGraphDefOptions();
  api_.TF_ImportGraphDefOptionsSetDefaultDevice(options, device.c_str());
  const TF_Buffer buffer{graph.data(), graph.size(), nullptr};
  api_.TF_GraphImportGraphDef(graph_, &buffer, options, outcome);
  api_.TF_DeleteImportGraphDefOptions(options);
  if (outcome.ok()) return {};
  return outcome.Refusal(name + " is no graph that TensorFlow " + api_.TF_Version() + " reads");
}

Status DeviceSession::Find(const GraphPlan& plan) {
  inputs_.resize(1 + plan.slots.size());
  values_.resize(plan.slots.size());
  keeps_.resize(plan.slots.size());
  Status status = FindOne(plan.graph, plan.features, kTensorFlowFloat, &inputs_[0]);
  if (status.ok()) status = FindOne(plan.graph, plan.answers, kTensorFlowFloat, &answers_);
  if (status.ok()) status = FindOne(plan.graph, plan.forget_held, kTensorFlowString, &forget_);
  for (size_t i = 0; i < plan.slots.size() && status.ok(); ++i) {
    status = FindOne(plan.graph, plan.slots[i].value, kTensorFlowFloat, &values_[i]);
    if (status.ok()) status = FindOne(plan.graph, plan.slots[i].keep, kTensorFlowString, &keeps_[i]);
    if (status.ok()) status = FindOne(plan.graph, plan.slots[i].held, kTensorFlowString, &inputs_[1 + i]);
  }
  if (!status.ok()) return status;
  forgotten_ = api_.TF_GraphOperationByName(graph_, plan.forget_operation.c_str());
  if (forgotten_ == nullptr) {
    return Status::Refused(plan.graph + ": operation " + Quoted(plan.forget_operation) + " is not in the graph");
  }
  return {};
}

Status DeviceSession::FindOne(const std::string& graph, const std::string& tensor, int type, TF_Output* found) const {
  const std::string name = tensor.substr(0, tensor.rfind(':'));
  *found = {api_.TF_GraphOperationByName(graph_, name.c_str()), 0};
  if (tensor != name + ":0" || found->oper == nullptr || api_.TF_OperationNumOutputs(found->oper) < 1) {
    return Status::Refused(graph + ": " + Quoted(tensor) + " is not in the graph");
  }
  if (api_.TF_OperationOutputType(*found) == type) return {};
  return Status::Refused(graph + ": " + Quoted(tensor) + " is not " +
                         (type == kTensorFlowFloat ? "float32" : "a string"));
}

Status DeviceSession::Keep(const std::vector<Tensor>& values, std::vector<Tensor>* handles) const {
  std::vector<TF_Tensor*> inputs, outputs(keeps_.size());
  for (const Tensor& value : values) inputs.push_back(value.get());
  Outcome outcome(api_);
  api_.TF_SessionRun(session_, nullptr, values_.data(), inputs.data(), static_cast<int>(inputs.size()), keeps_.data(),
                     outputs.data(), static_cast<int>(outputs.size()), nullptr, 0, nullptr, outcome);
  if (!outcome.ok()) return outcome.Refusal("the weights can't be put on the device");
  handles->clear();
  for (TF_Tensor* output : outputs) handles->emplace_back(output, DeleteTensor{&api_});
  return {};
}

void DeviceSession::Forget(const std::vector<Tensor>& handles) const {
  for (const Tensor& handle : handles) {
    Outcome outcome(api_);  // what can't be forgotten ends with the session
    TF_Tensor* input = handle.get();
    api_.TF_SessionRun(session_, nullptr, &forget_, &input, 1, nullptr, nullptr, 0, &forgotten_, 1, nullptr, outcome);
  }
}

Status DeviceSession::Run(const std::vector<TF_Tensor*>& inputs, Tensor* answers) const {
  TF_Tensor* output = nullptr;
  Outcome outcome(api_);
  api_.TF_SessionRun(session_, nullptr, inputs_.data(), inputs.data(), static_cast<int>(inputs.size()), &answers_,
                     &output, 1, nullptr, 0, nullptr, outcome);
  if (!outcome.ok()) return outcome.Refusal("the captured graph fails");
  *answers = Tensor(output, DeleteTensor{&api_});
  return {};
}

}  // namespace tandem::serving
