#include "door/example_request.h"

#include <string>

#include "door/text.h"

namespace tandem::serving::door {
namespace {

const char* MessageName(Method method) {
  return method == Method::kClassify  ? "ClassificationRequest"
         : method == Method::kRegress ? "RegressionRequest"
                                      : "MultiInferenceRequest";
}

Refusal NoRequest(Method method, const char* where) {
  return Refusal::BadRequest(std::string("the request is no tensorflow.serving.") + MessageName(method) + ": " + where +
                             " can't be read; send it with a stock client of TensorFlow Serving");
}

bool ParseTask(std::string_view bytes, ExampleTask* task, std::string_view* method_name) {
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    std::string_view value;
    if (field.Is(1, Wire::kBytes)) {
      if (!reader.Bytes(&value) || !ParseModelSelector(value, &task->model)) return false;
    } else if (field.Is(2, Wire::kBytes)) {
      if (!reader.Bytes(method_name) || !IsUtf8(*method_name)) return false;
    } else if (!reader.Skip(field)) {
      return false;
    }
  }
  return reader.ok();
}

Refusal ParseTasks(std::string_view bytes, ExampleRequest* request) {
  Refusal refusal;
  const bool whole = ForEachBytes(bytes, 1, [&](std::string_view each) {
    std::string_view method;
    ExampleTask task;
    if (!ParseTask(each, &task, &method)) return false;
    if (method != kClassifyName && method != kRegressName) {
      refusal = {Code::kUnimplemented, "tasks[" + std::to_string(request->tasks.size()) + "] has method_name " +
                                           Quoted(method) + "; it must be " + Quoted(kClassifyName) + " or " +
                                           Quoted(kRegressName)};
      return false;
    }
    if (request->tasks.size() == kMostTasks) {
      refusal = Refusal::BadRequest("the request has more than " + std::to_string(kMostTasks) +
                                    " tasks; ask for each output once");
      return false;
    }
    task.regress = method == kRegressName;
    request->tasks.push_back(task);
    return true;
  });
  if (!refusal.ok()) return refusal;
  if (!whole) return NoRequest(request->method, "tasks");
  if (request->tasks.empty()) return Refusal::BadRequest("the request has no tasks; send at least one");
  const ModelSelector& first = request->tasks[0].model;
  for (const ExampleTask& task : request->tasks) {
    if (task.model.name == first.name && task.model.version == first.version && task.model.label == first.label) {
      continue;
    }
    return Refusal::BadRequest("tasks ask for different models or versions; all must name " + Quoted(first.name) +
                               " and the same version");
  }
  return refusal;
}

Refusal CountExamples(ExampleRequest* request) {
  uint32_t standing = 0;
  size_t kinds = 0;
  const bool whole = ForEachKind(request->bytes, [&](uint32_t kind, std::string_view list) {
    if (kind != standing) {
      request->replaced = kinds;
      request->examples = 0;
      standing = kind;
    }
    ++kinds;
    return ForEachBytes(list, input_field::kExamples, [request](std::string_view) { return ++request->examples > 0; });
  });
  if (!whole) return NoRequest(request->method, "input");
  if (request->examples > 0) return Refusal::None();
  return Refusal::BadRequest(
      "the request has no examples; send at least one in input.example_list or input.example_list_with_context");
}

}  // namespace

Refusal Parse(std::string_view bytes, Method method, ExampleRequest* request) {
  *request = {};
  request->method = method;
  request->bytes = bytes;
  if (method == Method::kMultiInference) {
    Refusal refusal = ParseTasks(bytes, request);
    if (!refusal.ok()) return refusal;
  } else {
    ExampleTask& task = request->tasks.emplace_back();
    task.regress = method == Method::kRegress;
    const auto model = [&task](std::string_view spec) { return ParseModelSelector(spec, &task.model); };
    if (!ForEachBytes(bytes, 1, model)) return NoRequest(method, "model_spec");
  }
  return CountExamples(request);
}

}  // namespace tandem::serving::door
