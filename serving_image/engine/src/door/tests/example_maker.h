// Requests over tf.Example for tests, put together from protobuf's bytes.
//
// Memory:  strings.
// Threads: pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "door/example_request.h"
#include "door/tests/request_maker.h"
#include "door/wire_writer.h"

namespace tandem::serving::door::testing {

inline std::string Inside(uint32_t field, const std::string& bytes) {
  std::string out;
  PutBytes(&out, field, bytes);
  return out;
}

// Features: a list of one kind.
inline std::string BytesList(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) PutBytes(&list, 1, value);
  return Inside(1, list);
}

inline std::string FloatList(const std::vector<float>& values) { return Inside(2, Inside(1, Raw(values))); }

inline std::string Int64List(const std::vector<int64_t>& values) {
  std::string packed;
  for (int64_t value : values) PutVarint(&packed, static_cast<uint64_t>(value));
  return Inside(3, Inside(1, packed));
}

inline std::string UnpackedInt64List(const std::vector<int64_t>& values) {
  std::string list;
  for (int64_t value : values) {
    PutVarint(&list, 1 << 3);
    PutVarint(&list, static_cast<uint64_t>(value));
  }
  return Inside(3, list);
}

using Features = std::vector<std::pair<std::string, std::string>>;

inline std::string Example(const Features& features) {
  std::string map;
  for (const auto& [name, feature] : features) PutEntry(&map, 1, name, feature);
  return Inside(1, map);
}

// An example that fits SearchSpec.
inline std::string SearchExample(int64_t user) {
  return Example({{"user", Int64List({user})},
                  {"words", BytesList({"red", "", "hat"})},
                  {"numeric", FloatList({0.5f, static_cast<float>(user)})}});
}

inline std::string ListInput(const std::vector<std::string>& examples) {
  std::string list;
  for (const std::string& example : examples) PutBytes(&list, 1, example);
  return Inside(1, list);
}

inline std::string ContextInput(const std::vector<std::string>& examples, const std::string& context) {
  std::string list;
  for (const std::string& example : examples) PutBytes(&list, 1, example);
  PutBytes(&list, 2, context);
  return Inside(2, list);
}

// Of Classify and Regress; MultiInference has tasks where these have the model.
inline std::string ExampleBytes(const std::string& model, const std::string& input) {
  return Inside(1, model) + Inside(2, input);
}

inline std::string Signed(const std::string& signature) { return Selector("search") + Inside(3, signature); }

inline std::string Task(const std::string& model, const std::string& method) {
  return Inside(1, Inside(1, model) + Inside(2, method));
}

}  // namespace tandem::serving::door::testing
