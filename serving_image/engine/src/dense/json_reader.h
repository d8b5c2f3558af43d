// Reads JSON that nobody vouches for, field by field: what is missing, of another type or not known is refused by its
// place.
//
// Memory:  refers to the parsed document of the caller; keeps the first refusal.
// Threads: one.
//
// After the first refusal every getter gives an empty value, so that code reads straight on and asks once, at the end.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/status.h"

namespace tandem::serving {

class JsonReader {
 public:
  explicit JsonReader(std::string document) : document_(std::move(document)) {}

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  // The first refusal stays.
  void Refuse(const std::string& place, const std::string& why);

  // An object with no fields but these; false: refused.
  bool Object(const nlohmann::json& value, const std::string& place, const std::set<std::string>& fields);
  // The field, or null where it is absent; `value` is an object.
  const nlohmann::json& Field(const nlohmann::json& value, const char* name) const;

  std::string Text(const nlohmann::json& value, const std::string& place);
  // 0 to most.
  size_t Count(const nlohmann::json& value, const std::string& place, size_t most);
  // An array, empty when refused.
  const nlohmann::json& List(const nlohmann::json& value, const std::string& place, size_t most);
  std::vector<std::string> Texts(const nlohmann::json& value, const std::string& place, size_t most);

 private:
  std::string document_;
  Status status_;
};

}  // namespace tandem::serving
