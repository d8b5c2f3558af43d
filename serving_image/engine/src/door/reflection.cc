#include "door/reflection.h"

#include <google/protobuf/descriptor.pb.h>

#include <set>

#include "door/refusal.h"
#include "door/text.h"
#include "door/wire_reader.h"
#include "door/wire_writer.h"

namespace tandem::serving::door {
namespace {

using google::protobuf::FileDescriptorProto;

// Fields of ServerReflectionRequest and ServerReflectionResponse.
constexpr uint32_t kByFilename = 3, kContainingSymbol = 4, kContainingExtension = 5, kExtensionNumbers = 6,
                   kListServices = 7;
constexpr uint32_t kValidHost = 1, kOriginal = 2, kFiles = 4, kNumbers = 5, kServices = 6, kError = 7;

struct Question {
  uint32_t kind = 0;
  std::string text;
  int32_t number = 0;
};

bool ParseExtension(std::string_view bytes, Question* question) {
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    std::string_view text;
    uint64_t number = 0;
    if (field.Is(1, Wire::kBytes)) {
      if (!reader.Bytes(&text)) return false;
      question->text = text;
    } else if (field.Is(2, Wire::kVarint)) {
      if (!reader.Varint(&number)) return false;
      question->number = static_cast<int32_t>(number);
    } else if (!reader.Skip(field)) {
      return false;
    }
  }
  return reader.ok();
}

bool ParseQuestion(std::string_view bytes, Question* question) {
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    std::string_view text;
    if (field.wire != Wire::kBytes || field.number < kByFilename || field.number > kListServices) {
      if (!reader.Skip(field)) return false;
      continue;
    }
    if (!reader.Bytes(&text)) return false;
    *question = {field.number, std::string(text), 0};
    if (field.number == kContainingExtension && !ParseExtension(text, question)) return false;
  }
  return reader.ok();
}

void PutError(std::string* response, Code code, const std::string& why) {
  std::string error;
  PutNumber(&error, 1, static_cast<int64_t>(code));
  PutBytes(&error, 2, why);
  PutBytes(response, kError, error);
}

}  // namespace

Status Reflection::Add(std::string_view descriptor_set) {
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()))) {
    return Status::Refused("the bytes are no FileDescriptorSet; write one with protoc --descriptor_set_out");
  }
  for (const FileDescriptorProto& file : files.file()) {
    if (!database_.Add(file)) {
      return Status::Refused(file.name() + " stands twice in the FileDescriptorSet; leave one out");
    }
  }
  return {};
}

// The file and all that it imports, each once: clients need not ask again.
std::string Reflection::Files(const FileDescriptorProto& file) const {
  std::string files;
  std::set<std::string> seen = {file.name()};
  std::vector<FileDescriptorProto> left = {file};
  while (!left.empty()) {
    const FileDescriptorProto next = std::move(left.back());
    left.pop_back();
    PutBytes(&files, 1, next.SerializeAsString());
    for (const std::string& name : next.dependency()) {
      FileDescriptorProto imported;
      if (seen.insert(name).second && database_.FindFileByName(name, &imported)) left.push_back(std::move(imported));
    }
  }
  return files;
}

std::string Reflection::Answer(std::string_view request) const {
  Question question;
  std::string response;
  PutBytes(&response, kValidHost, "");
  PutBytes(&response, kOriginal, request);
  if (!ParseQuestion(request, &question) || question.kind == 0) {
    PutError(&response, Code::kInvalidArgument, "the request asks for nothing that reflection knows");
    return response;
  }
  if (question.kind == kListServices) {
    std::string list;
    for (const std::string& name : services_) {
      std::string service;
      PutBytes(&service, 1, name);
      PutBytes(&list, 1, service);
    }
    PutBytes(&response, kServices, list);
    return response;
  }
  if (question.kind == kExtensionNumbers) {
    std::vector<int> numbers;
    std::string list;
    PutBytes(&list, 1, question.text);
    if (database_.FindAllExtensionNumbers(question.text, &numbers)) {
      for (int number : numbers) PutNumber(&list, 2, number);
      PutBytes(&response, kNumbers, list);
      return response;
    }
  }
  FileDescriptorProto file;
  const bool found = question.kind == kByFilename         ? database_.FindFileByName(question.text, &file)
                     : question.kind == kContainingSymbol ? database_.FindFileContainingSymbol(question.text, &file)
                     : question.kind == kContainingExtension
                         ? database_.FindFileContainingExtension(question.text, question.number, &file)
                         : false;
  if (found) {
    PutBytes(&response, kFiles, Files(file));
  } else {
    PutError(&response, Code::kNotFound, "there is no descriptor of " + Quoted(question.text) + " here");
  }
  return response;
}

}  // namespace tandem::serving::door
