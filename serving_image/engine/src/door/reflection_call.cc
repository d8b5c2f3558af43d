#include "door/reflection_call.h"

#include <string_view>

namespace tandem::serving::door {

ReflectionService::ReflectionService(const std::string& service) : name_("/" + service + "/ServerReflectionInfo") {
  AddMethod(new grpc::internal::RpcServiceMethod(name_.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
  MarkMethodRaw(0);
}

void ReflectionCall::Proceed(bool ok) {
  switch (state_) {
    case State::kAwaited:
      if (!ok || !host_->Begin([this] { (new ReflectionCall(host_, reflection_, service_, queue_))->Await(); })) {
        delete this;
        return;
      }
      return Read();
    case State::kReads: {
      grpc::Slice slice;
      if (!ok) return Finish(grpc::Status::OK);  // the client has no more
      if (!message_.DumpToSingleSlice(&slice).ok()) {
        return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the message could not be decompressed"));
      }
      const grpc::Slice answer(
          reflection_->Answer(std::string_view(reinterpret_cast<const char*>(slice.begin()), slice.size())));
      state_ = State::kWrites;
      return stream_.Write(grpc::ByteBuffer(&answer, 1), static_cast<Event*>(this));
    }
    case State::kWrites:
      return ok ? Read() : Finish(grpc::Status::CANCELLED);
    case State::kEnds:
      host_->End();
      delete this;
  }
}

void ReflectionCall::Read() {
  state_ = State::kReads;
  stream_.Read(&message_, static_cast<Event*>(this));
}

void ReflectionCall::Finish(const grpc::Status& status) {
  state_ = State::kEnds;
  stream_.Finish(status, static_cast<Event*>(this));
}

}  // namespace tandem::serving::door
