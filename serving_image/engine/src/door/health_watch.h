// gRPC health's Watch: streams on which clients are told whether a service answers, at first and at every change.
//
// Memory:  a few kilobytes per stream, at most kMostWatchers of them.
// Threads: Watchers from any thread; one mutex guards all streams, taken when one begins or ends and at a change.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/async_stream.h>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>

#include "door/calls.h"

namespace tandem::serving::door {

inline constexpr size_t kMostWatchers = 1024;

class WatchCall;

// Whether this server is ready, and who wants to know.
class Watchers {
 public:
  bool ready() const { return ready_; }
  void SetReady(bool ready);
  // Ends all streams, and those that come.
  void Close();

 private:
  friend class WatchCall;

  std::atomic<bool> ready_ = false;
  std::mutex mutex_;
  std::set<WatchCall*> calls_;
  bool closed_ = false;
};

class WatchService final : public grpc::Service {
 public:
  WatchService();
  void Request(grpc::ServerContext* context, grpc::ByteBuffer* request,
               grpc::ServerAsyncWriter<grpc::ByteBuffer>* writer, grpc::ServerCompletionQueue* queue, void* tag) {
    RequestAsyncServerStreaming(0, context, request, writer, queue, queue, tag);
  }

 private:
  const std::string name_;  // gRPC keeps a pointer into it
};

class WatchCall final : public Event {
 public:
  WatchCall(CallHost* host, Watchers* watchers, WatchService* service, grpc::ServerCompletionQueue* queue);

  // Registers it with the service; called once.
  void Await() { service_->Request(&context_, &request_, &writer_, queue_, static_cast<Event*>(this)); }

  void Proceed(bool ok) override;

 private:
  friend class Watchers;

  // gRPC's word that the client went away, or that all is over.
  struct Over final : Event {
    WatchCall* call = nullptr;
    void Proceed(bool ok) override;
  };

  // All of these with the mutex held.
  void Begin();
  void Tell();
  void Finish(const grpc::Status& status);

  // Whether nothing more will come for this call.
  bool Left() const { return over_seen_ && (finished_ || !counted_); }
  void Leave();

  CallHost* const host_;
  Watchers* const watchers_;
  WatchService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
  Over over_;
  bool begun_ = false;
  bool counted_ = false;    // the host knows of it
  bool known_ = false;      // the service that it asks about
  bool writing_ = false;    // an answer is on its way
  bool finishing_ = false;  // the end is on its way
  bool finished_ = false;
  bool over_seen_ = false;
  int told_ = -1;  // the state that was written last
};

}  // namespace tandem::serving::door
