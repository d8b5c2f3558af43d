#include "kernels/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "absl/synchronization/notification.h"
#include "tensorflow/core/framework/device_base.h"
#include "tensorflow/core/platform/threadpool.h"

namespace tandem {
namespace {

struct Job {
  Job(int shards, const std::function<void(int)>& body) : shards(shards), body(body), left(shards) {}

  void Work() {
    for (int shard; (shard = next.fetch_add(1)) < shards;) {
      body(shard);
      if (left.fetch_sub(1) == 1) done.Notify();
    }
  }

  const int shards;
  const std::function<void(int)>& body;  // of the caller, who waits until no shard is left
  std::atomic<int> next{0};
  std::atomic<int> left;
  absl::Notification done;
};

}  // namespace

WorkerPool::WorkerPool(const tensorflow::OpKernelContext& context) : workers_(nullptr), threads_(1) {
  if (const auto* pool = context.device()->tensorflow_cpu_worker_threads(); pool != nullptr) {
    workers_ = pool->workers;
    threads_ = std::max(1, pool->num_threads);
  }
}

void WorkerPool::Run(int shards, const std::function<void(int)>& body) const {
  if (shards <= 1 || threads_ == 1) {
    for (int shard = 0; shard < shards; ++shard) body(shard);
    return;
  }
  auto job = std::make_shared<Job>(shards, body);
  for (int helper = 1; helper < std::min(shards, threads_); ++helper) {
    workers_->Schedule([job] { job->Work(); });
  }
  job->Work();
  job->done.WaitForNotification();
}

}  // namespace tandem
