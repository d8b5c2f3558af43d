// A gRPC service whose unary methods take and give bytes, without generated code: what a stub's WithRawMethod does.
//
// Memory:  the names of its methods.
// Threads: Request from any thread; gRPC hands a call out through the queue.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/async_unary_call.h>

#include <string>
#include <vector>

namespace tandem::serving::door {

using ByteWriter = grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>;

class ByteService final : public grpc::Service {
 public:
  // `service` is the full name, such as tensorflow.serving.ModelService.
  ByteService(const std::string& service, const std::vector<std::string>& methods) {
    names_.reserve(methods.size());
    for (size_t i = 0; i < methods.size(); ++i) {
      names_.push_back("/" + service + "/" + methods[i]);
      AddMethod(
          new grpc::internal::RpcServiceMethod(names_[i].c_str(), grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
      MarkMethodRaw(static_cast<int>(i));
    }
  }

  // Asks for the next call of a method; `tag` comes out of the queue with it.
  void Request(size_t method, grpc::ServerContext* context, grpc::ByteBuffer* request, ByteWriter* writer,
               grpc::ServerCompletionQueue* queue, void* tag) {
    RequestAsyncUnary(static_cast<int>(method), context, request, writer, queue, queue, tag);
  }

 private:
  std::vector<std::string> names_;  // gRPC keeps pointers into them
};

}  // namespace tandem::serving::door
