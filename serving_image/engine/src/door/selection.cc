#include "door/selection.h"

#include <string>

#include "door/predict_response.h"
#include "door/text.h"

namespace tandem::serving::door {
namespace {

std::string Named(VersionName version) { return std::to_string(version.number()) + " (" + version.text() + ")"; }

}  // namespace

Refusal CheckName(std::string_view served, std::string_view name) {
  if (name == served) return Refusal::None();
  return {Code::kNotFound, "model " + Quoted(name) + " is not served here; this server has " + Quoted(served)};
}

Refusal TakeLabel(std::string_view served, const Model& model, ModelSelector* selector) {
  if (selector->label.empty() || selector->name != served) return Refusal::None();
  std::string names;
  for (const auto& [label, version] : model.Labels()) {
    if (label == selector->label) {
      selector->version = version.number();
      selector->label = {};
      return Refusal::None();
    }
    names += (names.empty() ? "" : ", ") + Quoted(label) + " (" + version.text() + ")";
  }
  return {Code::kNotFound, "version label " + Quoted(selector->label) + " is not served here; these are: " +
                               (names.empty() ? "none" : names) + ". Leave the label out to get the newest"};
}

Refusal CheckSignature(std::string_view signature) {
  if (signature.empty() || signature == kSignature) return Refusal::None();
  return Refusal::BadRequest("signature_name " + Quoted(signature) + " is unknown; leave it out, or send " +
                             Quoted(kSignature));
}

Refusal NotHere(std::optional<int64_t> number, const std::vector<VersionName>& here) {
  if (here.empty() || !number) {
    return {Code::kUnavailable, "no base is loaded yet; ask again when /readyz says 200, or ask another replica"};
  }
  std::string names;
  for (const VersionName& version : here) names += (names.empty() ? "" : ", ") + Named(version);
  return {Code::kNotFound, "version " + (*number < 0 ? std::to_string(*number) : Named(VersionName::Of(*number))) +
                               " is not served here; these are: " + names +
                               ". Leave the version out to get the newest"};
}

}  // namespace tandem::serving::door
