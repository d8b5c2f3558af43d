#include "dense/json_reader.h"

#include <utility>

#include "core/safetensors.h"  // Quoted

namespace tandem::serving {
namespace {

const nlohmann::json kNull;
const nlohmann::json kEmpty = nlohmann::json::array();

}  // namespace

void JsonReader::Refuse(const std::string& place, const std::string& why) {
  if (!status_.ok()) return;
  status_ = Status::Refused(document_ + (place.empty() ? "" : ": " + place) + ": " + why);
}

bool JsonReader::Object(const nlohmann::json& value, const std::string& place, const std::set<std::string>& fields) {
  if (!ok()) return false;
  if (!value.is_object()) {
    Refuse(place, "must be an object");
    return false;
  }
  for (const auto& entry : value.items()) {
    if (fields.count(entry.key()) == 0) {
      Refuse(place, "field " + Quoted(entry.key()) + " is not known; this server may be older than the exporter");
      return false;
    }
  }
  return true;
}

const nlohmann::json& JsonReader::Field(const nlohmann::json& value, const char* name) const {
  if (!value.is_object()) return kNull;
  const auto found = value.find(name);
  return found == value.end() ? kNull : *found;
}

std::string JsonReader::Text(const nlohmann::json& value, const std::string& place) {
  if (const auto* text = value.get_ptr<const std::string*>(); text != nullptr && !text->empty()) return *text;
  Refuse(place, "must be a text, not empty");
  return {};
}

size_t JsonReader::Count(const nlohmann::json& value, const std::string& place, size_t most) {
  if (const auto* count = value.get_ptr<const nlohmann::json::number_unsigned_t*>();
      count != nullptr && *count <= most) {
    return static_cast<size_t>(*count);
  }
  Refuse(place, "must be a whole number from 0 to " + std::to_string(most));
  return 0;
}

const nlohmann::json& JsonReader::List(const nlohmann::json& value, const std::string& place, size_t most) {
  if (value.is_array() && value.size() <= most) return ok() ? value : kEmpty;
  Refuse(place, "must be a list of at most " + std::to_string(most));
  return kEmpty;
}

std::vector<std::string> JsonReader::Texts(const nlohmann::json& value, const std::string& place, size_t most) {
  std::vector<std::string> texts;
  for (const nlohmann::json& text : List(value, place, most)) {
    texts.push_back(Text(text, place + "[" + std::to_string(texts.size()) + "]"));
  }
  return texts;
}

}  // namespace tandem::serving
