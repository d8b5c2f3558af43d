// TensorFlow's worker threads as the core sees them.
//
// Memory:  points to the device's pool; a run in progress keeps its counters in a shared block that lives as long as a
//          worker may still look at it.
// Threads: Run may be called from any thread, from a worker too, and inside another Run: the calling thread takes part
//          and finishes alone what no worker has begun, so it never waits for a thread that is not already at work.
#pragma once

#include <functional>

#include "core/parallel.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace tandem {

class WorkerPool : public Parallel {
 public:
  explicit WorkerPool(const tensorflow::OpKernelContext& context);

  int threads() const override { return threads_; }
  void Run(int shards, const std::function<void(int)>& body) const override;

 private:
  tensorflow::thread::ThreadPool* workers_;
  int threads_;
};

}  // namespace tandem
