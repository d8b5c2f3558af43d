// A captured graph in a session of its own, on the GPU where there is one: weights put there once, batches run.
//
// Memory:  the graph and what XLA compiled of it, one program for each number of rows that was run; on the GPU what
//          TensorFlow takes as it needs it. On the CPU a handle refers to the floats that were put.
// Threads: const members from any thread at once; a Run computes on its thread and the device.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/graph_plan.h"
#include "dense/tensorflow_api.h"
#include "dense/tensorflow_graph.h"  // Tensor

namespace tandem::serving {

class DeviceSession {
 public:
  ~DeviceSession();
  DeviceSession(const DeviceSession&) = delete;
  DeviceSession& operator=(const DeviceSession&) = delete;

  // Whether TensorFlow sees a GPU. Refused where it makes no session.
  static Status FindGpu(const TensorFlow& api, bool* found);

  // `graph`: the bytes of plan.graph; `device`: "/device:GPU:0" or "/device:CPU:0".
  static Status Open(const TensorFlow& api, const GraphPlan& plan, const std::string& graph, const std::string& device,
                     std::unique_ptr<DeviceSession>* made);

  // Puts one float tensor per slot; gives one handle each. What they refer to stays until Forget.
  Status Keep(const std::vector<Tensor>& values, std::vector<Tensor>* handles) const;
  void Forget(const std::vector<Tensor>& handles) const;

  // `inputs`: features (rows, all widths), then the handles. `answers`: float32 (outputs, rows), the caller's.
  Status Run(const std::vector<TF_Tensor*>& inputs, Tensor* answers) const;

  const TensorFlow& api() const { return api_; }

 private:
  explicit DeviceSession(const TensorFlow& api) : api_(api) {}
  Status Import(const std::string& name, const std::string& graph, const std::string& device);
  Status Find(const GraphPlan& plan);
  Status FindOne(const std::string& graph, const std::string& tensor, int type, TF_Output* found) const;

  const TensorFlow& api_;
  TF_Graph* graph_ = nullptr;
  TF_Session* session_ = nullptr;
  std::vector<TF_Output> values_, keeps_;
  std::vector<TF_Output> inputs_;  // features, then a handle per slot
  TF_Output answers_{}, forget_{};
  TF_Operation* forgotten_ = nullptr;
};

}  // namespace tandem::serving
