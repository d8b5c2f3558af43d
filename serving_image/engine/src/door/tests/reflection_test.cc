#include "door/reflection.h"

#include <google/protobuf/descriptor.pb.h>

#include "core/tests/check.h"
#include "door/wire_writer.h"

namespace tandem::serving::door {
namespace {

using google::protobuf::FileDescriptorSet;

// a.proto imports b.proto; a.A is a message, b.B one that can be extended.
std::string Files() {
  FileDescriptorSet set;
  auto* a = set.add_file();
  a->set_name("a.proto");
  a->set_package("a");
  a->add_dependency("b.proto");
  a->add_message_type()->set_name("A");
  auto* extension = a->add_extension();
  extension->set_name("more");
  extension->set_extendee(".b.B");
  extension->set_number(7);
  auto* b = set.add_file();
  b->set_name("b.proto");
  b->set_package("b");
  b->add_message_type()->set_name("B");
  return set.SerializeAsString();
}

std::string Asks(uint32_t kind, const std::string& text) {
  std::string request;
  PutBytes(&request, kind, text);
  return request;
}

bool Has(const std::string& response, const std::string& text) { return response.find(text) != std::string::npos; }

TEST(ServicesAreListed) {
  const Reflection reflection({"one.Service", "another.Service"});
  std::string expected, list;
  const std::string request = Asks(7, "*");
  PutBytes(&expected, 1, "");
  PutBytes(&expected, 2, request);
  for (const char* name : {"one.Service", "another.Service"}) PutBytes(&list, 1, Asks(1, name));
  PutBytes(&expected, 6, list);
  CHECK(reflection.Answer(request) == expected);
}

TEST(DescriptorsAreFoundWithWhatTheyImport) {
  Reflection reflection({});
  CHECK(reflection.Add(Files()).ok());
  for (const std::string& request : {Asks(3, "a.proto"), Asks(4, "a.A"), Asks(4, ".a.A")}) {
    const std::string response = reflection.Answer(request);
    if (request == Asks(4, ".a.A")) {
      CHECK(Has(response, "there is no descriptor of"));
      continue;
    }
    CHECK(Has(response, "a.proto") && Has(response,
                                          "\x01"
                                          "B"));
  }
  const std::string only_b = reflection.Answer(Asks(4, "b.B"));
  CHECK(!Has(only_b, "a.proto") && Has(only_b, "b.proto"));
  std::string extension = Asks(1, "b.B");
  PutNumber(&extension, 2, 7);
  CHECK(Has(reflection.Answer(Asks(5, extension)), "a.proto"));
  CHECK(Has(reflection.Answer(Asks(6, "b.B")), "\x10\x07"));
}

TEST(WhatIsNotThereIsSaid) {
  Reflection reflection({});
  CHECK(Has(reflection.Answer(Asks(4, "a.A")), "there is no descriptor of 'a.A' here"));
  CHECK(Has(reflection.Answer(Asks(6, "b.B")), "there is no descriptor of 'b.B' here"));
  for (const std::string& request : {std::string(), std::string("\x0a\x7f"), Asks(5, "\x0a\x7f")}) {
    CHECK(Has(reflection.Answer(request), "asks for nothing"));
  }
  CHECK(!reflection.Add("\x0a\x7f").ok());
  CHECK(reflection.Add(Files()).ok());
  FileDescriptorSet other;
  other.add_file()->set_name("a.proto");
  other.mutable_file(0)->set_package("different");
  CHECK(reflection.Add(other.SerializeAsString()).why().find("a.proto stands twice") == 0);
}

}  // namespace
}  // namespace tandem::serving::door
