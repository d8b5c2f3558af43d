// gRPC's server reflection: which services there are, and the descriptors of their messages.
//
// Memory:  the bytes of the descriptors that were read at the start, and an index of them.
// Threads: const functions from any thread.
//
// Descriptors come from a file (a FileDescriptorSet, as protoc --descriptor_set_out writes it), since no generated code
// is linked. Without one the services are listed and everything else is answered with an error.
#pragma once

#include <google/protobuf/descriptor_database.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tandem::serving::door {

class Reflection {
 public:
  explicit Reflection(std::vector<std::string> services) : services_(std::move(services)) {}

  // Takes the files of a FileDescriptorSet; refused when the bytes are none.
  Status Add(std::string_view descriptor_set);

  // Answers a ServerReflectionRequest with a ServerReflectionResponse.
  std::string Answer(std::string_view request) const;

 private:
  std::string Files(const google::protobuf::FileDescriptorProto& file) const;

  const std::vector<std::string> services_;
  // Its look-ups are not const, but change nothing.
  mutable google::protobuf::SimpleDescriptorDatabase database_;
};

}  // namespace tandem::serving::door
