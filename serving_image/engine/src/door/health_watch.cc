#include "door/health_watch.h"

#include <string_view>

#include "door/info_messages.h"

namespace tandem::serving::door {
namespace {

constexpr int kServiceUnknown = 3;

grpc::Status Ends() { return {grpc::StatusCode::UNAVAILABLE, "this server ends; watch another replica"}; }

}  // namespace

void Watchers::SetReady(bool ready) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ready_ = ready;
  for (WatchCall* call : std::set<WatchCall*>(calls_)) call->Tell();
}

void Watchers::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  for (WatchCall* call : std::set<WatchCall*>(calls_)) call->Tell();
}

WatchService::WatchService() : name_(std::string("/") + kHealthService + "/Watch") {
  AddMethod(new grpc::internal::RpcServiceMethod(name_.c_str(), grpc::internal::RpcMethod::SERVER_STREAMING, nullptr));
  MarkMethodRaw(0);
}

WatchCall::WatchCall(CallHost* host, Watchers* watchers, WatchService* service, grpc::ServerCompletionQueue* queue)
    : host_(host), watchers_(watchers), service_(service), queue_(queue), writer_(&context_) {
  over_.call = this;
  context_.AsyncNotifyWhenDone(static_cast<Event*>(&over_));
}

void WatchCall::Proceed(bool ok) {
  bool left = false;
  if (!begun_ && !ok) {  // never came; gRPC has no word of its end either
    delete this;
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(watchers_->mutex_);
    if (!begun_) {
      begun_ = true;
      counted_ = host_->Begin([this] { (new WatchCall(host_, watchers_, service_, queue_))->Await(); });
      if (counted_) Begin();
    } else if (finishing_) {
      finished_ = true;
    } else {
      writing_ = false;
      ok && !over_seen_ ? Tell() : Finish(grpc::Status::CANCELLED);
    }
    left = Left();
  }
  if (left) Leave();
}

void WatchCall::Over::Proceed(bool) {
  bool left = false;
  {
    const std::lock_guard<std::mutex> lock(call->watchers_->mutex_);
    call->over_seen_ = true;
    if (call->counted_ && !call->writing_ && !call->finishing_) call->Finish(grpc::Status::CANCELLED);
    left = call->begun_ && call->Left();
  }
  if (left) call->Leave();
}

void WatchCall::Begin() {
  grpc::Slice slice;
  std::string answer;
  if (!request_.DumpToSingleSlice(&slice).ok()) {
    return Finish({grpc::StatusCode::INVALID_ARGUMENT, "the message could not be decompressed; send it as it is"});
  }
  const std::string_view bytes(reinterpret_cast<const char*>(slice.begin()), slice.size());
  const Refusal refusal = CheckHealth(bytes, watchers_->ready(), &answer);
  if (refusal.code == Code::kInvalidArgument) return Finish({grpc::StatusCode::INVALID_ARGUMENT, refusal.why});
  if (watchers_->calls_.size() >= kMostWatchers) {
    return Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                   std::to_string(kMostWatchers) + " streams watch this server already; ask with Check"});
  }
  known_ = refusal.ok();
  watchers_->calls_.insert(this);
  Tell();
}

void WatchCall::Tell() {
  if (writing_ || finishing_) return;
  if (over_seen_) return Finish(grpc::Status::CANCELLED);
  if (watchers_->closed_) return Finish(Ends());
  const int state = known_ ? HealthState(watchers_->ready()) : kServiceUnknown;
  if (state == told_) return;
  told_ = state;
  writing_ = true;
  const char bytes[] = {1 << 3, static_cast<char>(state)};
  const grpc::Slice slice(bytes, sizeof bytes);
  writer_.Write(grpc::ByteBuffer(&slice, 1), static_cast<Event*>(this));
}

void WatchCall::Finish(const grpc::Status& status) {
  finishing_ = true;
  watchers_->calls_.erase(this);
  writer_.Finish(status, static_cast<Event*>(this));
}

void WatchCall::Leave() {
  if (counted_) host_->End();
  delete this;
}

}  // namespace tandem::serving::door
