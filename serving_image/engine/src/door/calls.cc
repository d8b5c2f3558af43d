#include "door/calls.h"

#include <grpc/support/time.h>

#include "door/predict_response.h"

namespace tandem::serving::door {
namespace {

constexpr char kVersionTrailer[] = "tandem-version";
// A client's limit for all that stands in the trailers is 8 KiB by default, and bytes that are not ASCII take three.
constexpr size_t kMostDetails = 2000;

std::string Bounded(const std::string& why) {
  if (why.size() <= kMostDetails) return why;
  size_t end = kMostDetails;
  while (end > 0 && (static_cast<unsigned char>(why[end]) & 0xC0) == 0x80) --end;
  return why.substr(0, end) + "…";
}

}  // namespace

void UnaryCall::Proceed(bool ok) {
  if (arrived_) {
    host_->End();
    delete this;
    return;
  }
  if (!ok || !host_->Begin([this] { host_->AwaitNext(method_); })) {
    delete this;
    return;
  }
  arrived_ = true;
  begun_ = Clock::now();
  if (Flatten()) {
    Arrived(begun_);
  } else {
    Finish(Refusal{Code::kInvalidArgument, "the message could not be decompressed; send it as it is"});
  }
}

bool UnaryCall::Flatten() {
  if (!buffer_.Valid()) return false;
  return buffer_.TrySingleSlice(&slice_).ok() || buffer_.DumpToSingleSlice(&slice_).ok();
}

Clock::time_point UnaryCall::deadline() const {
  const gpr_timespec at = gpr_convert_clock_type(context_.raw_deadline(), GPR_CLOCK_MONOTONIC);
  if (gpr_time_cmp(at, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0) return Clock::time_point::max();
  return Clock::time_point(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

void UnaryCall::NameVersion(VersionName version) { context_.AddTrailingMetadata(kVersionTrailer, version.text()); }

void UnaryCall::Count(Code code) { host_->metrics()->Ended(method_, code, Nanoseconds(Clock::now() - begun_)); }

void UnaryCall::Finish(const Refusal& refusal) {
  Count(refusal.code);
  writer_.FinishWithError(grpc::Status(static_cast<grpc::StatusCode>(refusal.code), Bounded(refusal.why)),
                          static_cast<Event*>(this));
}

void UnaryCall::Finish(grpc::Slice response) {
  Count(Code::kOk);
  writer_.Finish(grpc::ByteBuffer(&response, 1), grpc::Status::OK, static_cast<Event*>(this));
}

void UnaryCall::Queue(Job* job, Clock::time_point arrived) {
  if (!job->request.model.label.empty()) {
    const Refusal refusal = host_->TakeLabel(&job->request.model);
    if (!refusal.ok()) return Finish(refusal);
  }
  job->arrived = Clock::now();
  host_->metrics()->Time(Stage::kDecode, Nanoseconds(job->arrived - arrived));
  job->bytes = message().size();
  job->deadline = deadline();
  if (!host_->Push(job)) Finish(Refusal{Code::kResourceExhausted, host_->Overloaded()});
}

void PredictCall::Arrived(Clock::time_point now) {
  const Refusal refusal = Parse(message(), &request);
  if (!refusal.ok()) return Finish(refusal);
  Queue(this, now);
}

void PredictCall::Done(const Refusal& refusal, const Answer* answer) {
  if (answer == nullptr) return Finish(refusal);
  const Clock::time_point begun = Clock::now();
  const PredictResponse response{host_->served_name(), answer->version.number(), answer->spec,
                                 answer->outputs,      answer->values,           answer->rows};
  grpc_slice room = grpc_slice_malloc(PredictResponseSize(response));
  WritePredictResponse(response, GRPC_SLICE_START_PTR(room));
  NameVersion(answer->version);
  host_->metrics()->Time(Stage::kEncode, Nanoseconds(Clock::now() - begun));
  Finish(grpc::Slice(room, grpc::Slice::STEAL_REF));
}

void InfoCall::Arrived(Clock::time_point now) {
  if (deadline() <= now) {
    return Finish(Refusal{Code::kDeadlineExceeded,
                          "the deadline passed before work began; ask again with a later one, or ask another replica"});
  }
  std::string response;
  std::optional<VersionName> version;
  const Refusal refusal = host_->Inform(asked_, message(), &response, &version);
  if (!refusal.ok()) return Finish(refusal);
  if (version) NameVersion(*version);
  Finish(grpc::Slice(response));
}

}  // namespace tandem::serving::door
