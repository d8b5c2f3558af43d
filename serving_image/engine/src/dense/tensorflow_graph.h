// A GraphDef and its session: tensors in, tensors out, on the calling thread.
//
// Memory:  the graph; weights are fed, never kept. A tensor refers to the caller's memory where that is 64-byte
// aligned. Threads: Run from any thread at once; it computes on that thread alone (no pool), so its priority is that of
// the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/tensorflow_api.h"

namespace tandem::serving {

struct DeleteTensor {
  const TensorFlow* api = nullptr;
  void operator()(TF_Tensor* tensor) const { api->TF_DeleteTensor(tensor); }
};
using Tensor = std::unique_ptr<TF_Tensor, DeleteTensor>;

// float32 on memory of the caller, which outlives it and is not written through it.
Tensor Borrow(const TensorFlow& api, const float* data, const std::vector<int64_t>& shape);

class TensorFlowGraph {
 public:
  ~TensorFlowGraph();
  TensorFlowGraph(const TensorFlowGraph&) = delete;
  TensorFlowGraph& operator=(const TensorFlowGraph&) = delete;

  // `graph`: a serialized GraphDef; inputs and outputs: names of its float32 tensors ("name:0"). `name` is for
  // refusals.
  static Status Open(const TensorFlow& api, const std::string& name, const std::string& graph,
                     const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                     std::unique_ptr<TensorFlowGraph>* made);

  // The static shape of an input; -1 for sizes that are open. Refused where even the rank is.
  Status InputShape(size_t input, std::vector<int64_t>* shape) const;

  // One value per input; `outputs` takes one tensor per output, the caller's to delete.
  Status Run(TF_Tensor* const* inputs, TF_Tensor** outputs) const;

  const TensorFlow& api() const { return api_; }
  size_t outputs() const { return outputs_.size(); }

 private:
  TensorFlowGraph(const TensorFlow& api, std::string name) : api_(api), name_(std::move(name)) {}
  Status Find(const std::string& tensor, const char* what, TF_Output* found) const;
  Status Import(const std::string& graph);
  Status Connect();

  const TensorFlow& api_;
  std::string name_;
  TF_Graph* graph_ = nullptr;
  TF_Session* session_ = nullptr;
  std::vector<TF_Output> inputs_, outputs_;
};

}  // namespace tandem::serving
