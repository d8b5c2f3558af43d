// A call of Classify, Regress or MultiInference: it waits and is computed among predictions.
//
// Memory:  as a UnaryCall.
// Threads: as a UnaryCall.
#pragma once

#include "door/calls.h"
#include "door/example_request.h"

namespace tandem::serving::door {

class ExampleCall final : public UnaryCall, private Job {
 public:
  ExampleCall(CallHost* host, Method method) : UnaryCall(host, method), asked_(method) {}

 private:
  void Arrived(Clock::time_point now) override;
  void Done(const Refusal& refusal, const Answer* answer) override;

  const Method asked_;
  ExampleRequest request_;
};

}  // namespace tandem::serving::door
