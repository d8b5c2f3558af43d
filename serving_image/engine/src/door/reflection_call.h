// The stream on which a client asks for reflection: one answer to each message, until the client has no more.
//
// Memory:  one message in, one out; deletes itself at the end.
// Threads: as an Event.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/async_stream.h>

#include <string>

#include "door/calls.h"
#include "door/reflection.h"

namespace tandem::serving::door {

using ByteStream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

// The service, under one of the two names that it goes by.
class ReflectionService final : public grpc::Service {
 public:
  explicit ReflectionService(const std::string& service);
  void Request(grpc::ServerContext* context, ByteStream* stream, grpc::ServerCompletionQueue* queue, void* tag) {
    RequestAsyncBidiStreaming(0, context, stream, queue, queue, tag);
  }

 private:
  const std::string name_;  // gRPC keeps a pointer into it
};

class ReflectionCall final : public Event {
 public:
  ReflectionCall(CallHost* host, const Reflection* reflection, ReflectionService* service,
                 grpc::ServerCompletionQueue* queue)
      : host_(host), reflection_(reflection), service_(service), queue_(queue), stream_(&context_) {}

  // Registers it with the service; called once.
  void Await() { service_->Request(&context_, &stream_, queue_, static_cast<Event*>(this)); }

  void Proceed(bool ok) override;

 private:
  enum class State { kAwaited, kReads, kWrites, kEnds };

  void Read();
  void Finish(const grpc::Status& status);

  CallHost* const host_;
  const Reflection* const reflection_;
  ReflectionService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  State state_ = State::kAwaited;
  grpc::ServerContext context_;
  grpc::ByteBuffer message_;
  ByteStream stream_;
};

}  // namespace tandem::serving::door
