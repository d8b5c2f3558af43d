#include "door/example_call.h"

#include "door/example_response.h"

namespace tandem::serving::door {

void ExampleCall::Arrived(Clock::time_point now) {
  const Refusal refusal = Parse(message(), asked_, &request_);
  if (!refusal.ok()) return UnaryCall::Finish(refusal);
  request.model = request_.tasks[0].model;
  examples = &request_;
  Queue(this, now);
}

void ExampleCall::Done(const Refusal& refusal, const Answer* answer) {
  if (answer == nullptr) return Finish(refusal);
  const Clock::time_point begun = Clock::now();
  const std::string response = ExampleResponse(host_->served_name(), request_, *answer);
  NameVersion(answer->version);
  host_->metrics()->Time(Stage::kEncode, Nanoseconds(Clock::now() - begun));
  Finish(grpc::Slice(response));
}

}  // namespace tandem::serving::door
