// The gRPC door of one model: TensorFlow Serving's PredictionService and ModelService, gRPC's health and reflection.
//
// Memory:  a call object per request, and kWaitingCalls empty ones; gRPC's own buffers stay within a quota.
// Threads: its own, which read, decode and shed; they also compute when the batcher has no threads. Public functions
//          from any thread, Stop once.
//
// Requests are bytes from end to end: no generated message stands on the way of a prediction.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/status.h"
#include "door/batch_runner.h"
#include "door/batcher.h"
#include "door/byte_service.h"
#include "door/calls.h"
#include "door/health_watch.h"
#include "door/metrics.h"
#include "door/model.h"
#include "door/reflection.h"
#include "door/reflection_call.h"
#include "door/selection.h"

namespace tandem::serving::door {

struct GrpcOptions {
  std::vector<std::string>
      listen;  // as gRPC names them: [::]:8500, unix:/run/tandem/grpc.sock; port 0 takes a free one
  int threads = 1;
  size_t message_bytes = size_t{16} << 20;
  size_t memory_bytes = size_t{1} << 30;  // gRPC's buffers, of all connections together
  std::string descriptors;                // a FileDescriptorSet's bytes for reflection; may be empty
  RunnerOptions runner;
};

class GrpcServer final : private CallHost {
 public:
  // Opens the ports; refused when one can't be had. Model and metrics outlive it.
  static Status Start(const GrpcOptions& options, const BatcherOptions& batching, Model* model, Metrics* metrics,
                      std::unique_ptr<GrpcServer>* started);
  ~GrpcServer() override;

  // The port behind each of GrpcOptions::listen; 0 or 1 for a path.
  const std::vector<int>& ports() const { return ports_; }

  // What the health service says; at first it is not ready.
  void SetReady(bool ready) { watchers_.SetReady(ready); }
  // The base that GetModelStatus calls LOADING.
  void SetLoading(std::optional<int64_t> base);
  size_t in_flight() const { return batcher_->in_flight(); }

  // Takes no more requests, answers those that are inside, for at most so long, and ends its threads.
  void Stop(std::chrono::milliseconds grace);

 private:
  GrpcServer(const GrpcOptions& options, const BatcherOptions& batching, Model* model, Metrics* metrics);

  Status Open();
  void Loop();
  void ComputingLoop();
  grpc::CompletionQueue::NextStatus Drain();
  grpc::CompletionQueue::NextStatus Sleep(void** tag, bool* ok);
  void WakeAnother();

  void AwaitNext(Method method) override;
  bool Begin(const std::function<void()>& await_next) override;
  void End() override;
  Refusal TakeLabel(ModelSelector* selector) const override {
    return door::TakeLabel(options_.runner.served_name, *model_, selector);
  }
  bool Push(Job* job) override { return batcher_->Push(job); }
  std::string Overloaded() const override;
  std::string_view served_name() const override { return options_.runner.served_name; }
  Metrics* metrics() override { return metrics_; }
  Refusal Inform(Method method, std::string_view request, std::string* response,
                 std::optional<VersionName>* version) override;

  const GrpcOptions options_;
  Model* const model_;
  Metrics* const metrics_;
  ByteService predictions_;
  ByteService models_;
  ByteService health_;
  Reflection reflection_;
  ReflectionService reflections_[2];
  Watchers watchers_;
  WatchService watching_;
  std::unique_ptr<Batcher> batcher_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<int> ports_;
  std::atomic<int64_t> loading_;
  std::atomic<int> asleep_ = 0;  // threads that compute, and have nothing to
  // No call is awaited, and none is without its end, when the queue is shut down.
  std::mutex mutex_;
  std::condition_variable none_left_;
  size_t begun_ = 0;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tandem::serving::door
