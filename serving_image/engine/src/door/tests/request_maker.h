// Requests for tests, put together from protobuf's bytes, whole ones and odd ones.
//
// Memory:  strings.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "door/model.h"
#include "door/predict_request.h"
#include "door/wire_writer.h"

namespace tandem::serving::door::testing {

inline constexpr int32_t kFloat = 1, kDouble = 2, kInt32 = 3, kString = 7, kInt64 = 9;

using Sizes = std::vector<int64_t>;

template <typename T>
std::string Raw(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

inline std::string ShapeBytes(const Sizes& sizes) {
  std::string shape;
  for (int64_t size : sizes) {
    std::string dim;
    PutNumber(&dim, 1, size);
    PutBytes(&shape, 2, dim);
  }
  return shape;
}

// A TensorProto's type and shape, to which values are added.
inline std::string Tensor(int32_t dtype, const Sizes& sizes) {
  std::string tensor;
  PutNumber(&tensor, 1, dtype);
  PutBytes(&tensor, 2, ShapeBytes(sizes));
  return tensor;
}

inline std::string Content(int32_t dtype, const Sizes& sizes, const std::string& content) {
  std::string tensor = Tensor(dtype, sizes);
  PutBytes(&tensor, 4, content);
  return tensor;
}

inline std::string Int64s(const Sizes& sizes, const std::vector<int64_t>& values) {
  return Content(kInt64, sizes, Raw(values));
}

inline std::string Floats(const Sizes& sizes, const std::vector<float>& values) {
  return Content(kFloat, sizes, Raw(values));
}

inline std::string Strings(const Sizes& sizes, const std::vector<std::string>& values) {
  std::string tensor = Tensor(kString, sizes);
  for (const std::string& value : values) PutBytes(&tensor, 8, value);
  return tensor;
}

inline std::string PackedInt64s(const Sizes& sizes, const std::vector<int64_t>& values) {
  std::string tensor = Tensor(kInt64, sizes), packed;
  for (int64_t value : values) PutVarint(&packed, static_cast<uint64_t>(value));
  PutBytes(&tensor, 10, packed);
  return tensor;
}

inline std::string UnpackedInt64s(const Sizes& sizes, const std::vector<int64_t>& values) {
  std::string tensor = Tensor(kInt64, sizes);
  for (int64_t value : values) {
    PutVarint(&tensor, 10 << 3);
    PutVarint(&tensor, static_cast<uint64_t>(value));
  }
  return tensor;
}

inline std::string PackedFloats(const Sizes& sizes, const std::vector<float>& values) {
  std::string tensor = Tensor(kFloat, sizes);
  PutBytes(&tensor, 5, Raw(values));
  return tensor;
}

inline std::string UnpackedFloats(const Sizes& sizes, const std::vector<float>& values) {
  std::string tensor = Tensor(kFloat, sizes);
  for (float value : values) {
    PutVarint(&tensor, 5 << 3 | 5);
    tensor += Raw(std::vector<float>{value});
  }
  return tensor;
}

using Inputs = std::vector<std::pair<std::string, std::string>>;

inline std::string Selector(const std::string& model) {
  std::string spec;
  PutBytes(&spec, 1, model);
  return spec;
}

inline std::string VersionSelector(const std::string& model, int64_t version) {
  std::string spec = Selector(model), number;
  PutNumber(&number, 1, version);
  PutBytes(&spec, 2, number);
  return spec;
}

inline std::string Request(const std::string& selector, const Inputs& inputs,
                           const std::vector<std::string>& outputs = {}) {
  std::string request;
  PutBytes(&request, 1, selector);
  for (const auto& [name, tensor] : inputs) PutEntry(&request, 2, name, tensor);
  for (const std::string& name : outputs) PutBytes(&request, 3, name);
  return request;
}

// The model of tests/serving: an id, three words, two numbers; two heads.
inline ModelSpec SearchSpec() {
  return {{{"user", DType::kInt64, 1}, {"words", DType::kString, 3}, {"numeric", DType::kFloat32, 2}}, {"ctr", "cvr"}};
}

// Three rows that fit; `changes` replace inputs, an empty tensor leaves one out, a new name is added.
inline Inputs SearchInputs(const Inputs& changes = {}) {
  Inputs inputs = {
      {"user", Int64s({3}, {1, -2, 1'000'000'000'000})},
      {"words", Strings({3, 3}, {"red", "hat", "", "", "", "", "shoe", "größe", "green"})},
      {"numeric", Floats({3, 2}, {0.1f, 0.2f, -1.0f, 2.0f, 0.0f, 0.0f})},
  };
  for (const auto& change : changes) {
    bool known = false;
    for (auto& input : inputs) {
      if (input.first == change.first) input.second = change.second, known = true;
    }
    if (!known) inputs.push_back(change);
  }
  Inputs kept;
  for (auto& input : inputs) {
    if (!input.second.empty()) kept.push_back(input);
  }
  return kept;
}

}  // namespace tandem::serving::door::testing
