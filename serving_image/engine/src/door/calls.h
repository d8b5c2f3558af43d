// The calls of the gRPC server: one object per request, from the moment it may come until it was answered.
//
// Memory:  a call owns its message; it deletes itself after gRPC said that the answer is out.
// Threads: Proceed on a thread of the server; a prediction is answered on whichever thread computed it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "door/byte_service.h"
#include "door/event.h"
#include "door/job.h"
#include "door/metrics.h"
#include "door/refusal.h"

namespace tandem::serving::door {

// What calls need of the server that they belong to.
class CallHost {
 public:
  virtual ~CallHost() = default;
  // A call came in: `await_next` lets another come. False: the server ended, the call is not to be answered.
  virtual bool Begin(const std::function<void()>& await_next) = 0;
  virtual void AwaitNext(Method method) = 0;
  // The call that began is over, whether or not the client has its answer.
  virtual void End() = 0;
  // Puts a version in the place of a label.
  virtual Refusal TakeLabel(ModelSelector* selector) const = 0;
  // Hands a prediction on; false: too many are inside.
  virtual bool Push(Job* job) = 0;
  virtual std::string Overloaded() const = 0;
  virtual std::string_view served_name() const = 0;
  virtual Metrics* metrics() = 0;
  // Answers a method other than Predict.
  virtual Refusal Inform(Method method, std::string_view request, std::string* response,
                         std::optional<VersionName>* version) = 0;
};

// One unary call over bytes.
class UnaryCall : public Event {
 public:
  UnaryCall(CallHost* host, Method method) : host_(host), method_(method), writer_(&context_) {}

  // Registers it with the service; called once.
  void Await(ByteService* service, size_t index, grpc::ServerCompletionQueue* queue) {
    service->Request(index, &context_, &buffer_, &writer_, queue, static_cast<Event*>(this));
  }

  void Proceed(bool ok) final;

 protected:
  // A request is here, in message().
  virtual void Arrived(Clock::time_point now) = 0;

  std::string_view message() const {
    return std::string_view(reinterpret_cast<const char*>(slice_.begin()), slice_.size());
  }
  Clock::time_point deadline() const;
  // Hands this call on, as the job that it is too, after its message was read.
  void Queue(Job* job, Clock::time_point arrived);
  void NameVersion(VersionName version);
  void Finish(const Refusal& refusal);
  void Finish(grpc::Slice response);

  CallHost* const host_;

 private:
  void Count(Code code);
  bool Flatten();

  const Method method_;
  bool arrived_ = false;
  Clock::time_point begun_;
  grpc::ServerContext context_;
  grpc::ByteBuffer buffer_;
  grpc::Slice slice_;
  ByteWriter writer_;
};

class PredictCall final : public UnaryCall, private Job {
 public:
  explicit PredictCall(CallHost* host) : UnaryCall(host, Method::kPredict) {}

 private:
  void Arrived(Clock::time_point now) override;
  void Done(const Refusal& refusal, const Answer* answer) override;
};

class InfoCall final : public UnaryCall {
 public:
  InfoCall(CallHost* host, Method method) : UnaryCall(host, method), asked_(method) {}

 private:
  void Arrived(Clock::time_point now) override;

  const Method asked_;
};

}  // namespace tandem::serving::door
