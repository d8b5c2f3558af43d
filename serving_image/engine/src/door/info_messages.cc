#include "door/info_messages.h"

#include <memory>
#include <utility>
#include <vector>

#include "door/example_request.h"
#include "door/heads.h"
#include "door/predict_response.h"
#include "door/selection.h"
#include "door/text.h"
#include "door/wire_reader.h"
#include "door/wire_writer.h"

namespace tandem::serving::door {
namespace {

constexpr std::string_view kMethodName = "tensorflow/serving/predict";
constexpr std::string_view kAnyType = "type.googleapis.com/tensorflow.serving.SignatureDefMap";
constexpr int64_t kLoading = 20, kAvailable = 30;
constexpr int32_t kDtFloat = 1, kDtString = 7, kDtInt64 = 9;

Refusal NoMessage(const char* type) {
  return Refusal::BadRequest(std::string("the request is no tensorflow.serving.") + type +
                             "; send it with a stock client of TensorFlow Serving");
}

bool ParseSelector(std::string_view message, ModelSelector* selector) {
  return ForEachBytes(message, 1, [selector](std::string_view bytes) { return ParseModelSelector(bytes, selector); });
}

std::string ListText(const std::vector<std::string_view>& names) {
  std::string text = "[";
  for (std::string_view name : names) text += (text.size() > 1 ? ", " : "") + Quoted(name);
  return text + "]";
}

int32_t WireType(DType dtype) {
  return dtype == DType::kFloat32 ? kDtFloat : dtype == DType::kString ? kDtString : kDtInt64;
}

std::string TensorInfo(const std::string& name, int32_t type, const std::vector<int64_t>& sizes) {
  std::string info, shape;
  PutBytes(&info, 1, name + ":0");
  PutNumber(&info, 2, type);
  for (int64_t size : sizes) {
    std::string dim;
    PutNumber(&dim, 1, size);
    PutBytes(&shape, 2, dim);
  }
  PutBytes(&info, 3, shape);
  return info;
}

// A signature that takes serialized examples; two outputs are those of a classification.
std::string ExampleSignature(const std::vector<std::pair<std::string, int32_t>>& outputs) {
  std::string signature;
  const bool classifies = outputs.size() == 2;
  PutEntry(&signature, 1, "inputs", TensorInfo("inputs", kDtString, {-1}));
  for (const auto& [name, type] : outputs) {
    PutEntry(&signature, 2, name,
             TensorInfo(name, type, classifies ? std::vector<int64_t>{-1, 2} : std::vector<int64_t>{-1}));
  }
  PutBytes(&signature, 3, classifies ? kClassifyName : kRegressName);
  return signature;
}

std::string Signatures(const ModelSpec& spec) {
  std::string signature, map;
  for (const InputSpec& input : spec.inputs) {
    PutEntry(&signature, 1, input.name, TensorInfo(input.name, WireType(input.dtype), {-1, input.length}));
  }
  for (const std::string& output : spec.outputs) PutEntry(&signature, 2, output, TensorInfo(output, kDtFloat, {-1}));
  PutBytes(&signature, 3, kMethodName);
  PutEntry(&map, 1, kSignature, signature);
  for (const std::string& output : spec.outputs) {
    PutEntry(&map, 1, HeadSignature(output, false), ExampleSignature({{"classes", kDtString}, {"scores", kDtFloat}}));
    PutEntry(&map, 1, HeadSignature(output, true), ExampleSignature({{"outputs", kDtFloat}}));
  }
  return map;
}

std::string NamedVersion(std::string_view model, int64_t version) {
  std::string spec, number;
  PutBytes(&spec, 1, model);
  PutNumber(&number, 1, version);
  PutBytes(&spec, 2, number);
  PutBytes(&spec, 3, kSignature);
  return spec;
}

using States = std::vector<std::pair<int64_t, int64_t>>;  // version, state

States StatesOf(const Model& model, std::optional<int64_t> loading_base) {
  States states;
  bool known = false;
  const int64_t loading = loading_base ? VersionName{*loading_base, 0}.number() : 0;
  for (const VersionName& version : model.Here()) {
    states.emplace_back(version.number(), kAvailable);
    known = known || version.number() == loading;
  }
  if (loading_base && !known) states.emplace_back(loading, kLoading);
  return states;
}

}  // namespace

Refusal GetModelMetadata(std::string_view request, std::string_view served, Model* model, std::string* response,
                         VersionName* version) {
  ModelSelector selector;
  std::vector<std::string_view> fields;
  const bool whole = ParseSelector(request, &selector) && ForEachBytes(request, 2, [&fields](std::string_view field) {
                       if (fields.size() < kMostNamed) fields.push_back(field);
                       return IsUtf8(field);
                     });
  if (!whole) return NoMessage("GetModelMetadataRequest");
  if (fields.size() != 1 || fields[0] != "signature_def") {
    return Refusal::BadRequest("metadata_field is " + ListText(fields) + "; it must be ['signature_def']");
  }
  Refusal refusal = CheckName(served, selector.name);
  if (refusal.ok()) refusal = TakeLabel(served, *model, &selector);
  if (!refusal.ok()) return refusal;
  const std::unique_ptr<const Pin> pin = model->Get(selector.version);
  if (pin == nullptr) return NotHere(selector.version, model->Here());
  *version = pin->name();
  std::string any;
  PutBytes(&any, 1, kAnyType);
  PutBytes(&any, 2, Signatures(pin->spec()));
  PutBytes(response, 1, NamedVersion(served, version->number()));
  PutEntry(response, 2, "signature_def", any);
  return Refusal::None();
}

Refusal GetModelStatus(std::string_view request, std::string_view served, const Model& model,
                       std::optional<int64_t> loading_base, std::string* response) {
  ModelSelector selector;
  if (!ParseSelector(request, &selector)) return NoMessage("GetModelStatusRequest");
  Refusal refusal = CheckName(served, selector.name);
  if (refusal.ok()) refusal = TakeLabel(served, model, &selector);
  if (!refusal.ok()) return refusal;
  bool found = !selector.version;
  std::string here;
  for (const auto& [version, state] : StatesOf(model, loading_base)) {
    here += (here.empty() ? "" : ", ") + std::to_string(version);
    if (selector.version && *selector.version != version) continue;
    found = true;
    std::string status;
    PutNumber(&status, 1, version);
    PutNumber(&status, 2, state);
    PutBytes(&status, 3, "");  // error code 0, no message
    PutBytes(response, 1, status);
  }
  if (found) return Refusal::None();
  return {Code::kNotFound, "version " + std::to_string(*selector.version) +
                               " is not here; these are: " + (here.empty() ? "none yet" : here)};
}

Refusal HandleReloadConfig(std::string_view request, std::string_view served, std::string* response) {
  size_t configs = 0;
  bool ours = true;
  const auto config = [&](std::string_view bytes) {
    std::string_view name;
    ++configs;
    const bool whole = ForEachBytes(bytes, 1, [&name](std::string_view text) { return name = text, IsUtf8(text); });
    ours = ours && name == served;
    return whole;
  };
  const auto list = [&](std::string_view bytes) { return ForEachBytes(bytes, 1, config); };
  if (!ForEachBytes(request, 1, [&](std::string_view bytes) { return ForEachBytes(bytes, 1, list); })) {
    return NoMessage("ReloadConfigRequest");
  }
  std::string status;
  if (!ours || configs != 1) {
    PutNumber(&status, 1, static_cast<int64_t>(Code::kFailedPrecondition));
    PutBytes(&status, 2,
             "this server serves " + Quoted(served) +
                 " and takes its versions from target.json in the store; change the OnlineModel instead");
  }
  PutBytes(response, 1, status);
  return Refusal::None();
}

Refusal CheckHealth(std::string_view request, bool ready, std::string* response) {
  std::string_view service;
  if (!ForEachBytes(request, 1, [&service](std::string_view text) { return service = text, IsUtf8(text); })) {
    return Refusal::BadRequest("the request is no grpc.health.v1.HealthCheckRequest; send it with a stock client");
  }
  if (!service.empty() && service != kPredictionService && service != kModelService) {
    return {Code::kNotFound, "service " + Quoted(service) + " is not here; ask about " + Quoted(kPredictionService) +
                                 ", " + Quoted(kModelService) + " or, without a name, the server"};
  }
  PutNumber(response, 1, HealthState(ready));
  return Refusal::None();
}

}  // namespace tandem::serving::door
