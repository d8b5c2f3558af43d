// The tensors of one or more safetensors files, read where they lie.
//
// Memory:  the files are mapped, not copied; a Tensor points into them and holds as long as the TensorFiles do.
// Threads: Add on one thread; afterwards any.
//
// The bytes were verified by the control plane against a manifest; what is checked here is that they are safetensors as
// the store format has them: known types (int64 and float32, which is all that a serving part has), sizes that fit,
// aligned, no name twice, in one file or in two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"

namespace tandem::serving {

struct Tensor {
  enum class Type { kInt64, kFloat32 };

  Type type = Type::kInt64;
  std::vector<size_t> shape;
  size_t count = 0;  // elements
  const void* data = nullptr;

  const int64_t* ints() const { return static_cast<const int64_t*>(data); }
  const float* floats() const { return static_cast<const float*>(data); }

  // As people write it: "(3, 16) float32".
  std::string text() const;
};

class TensorFiles {
 public:
  TensorFiles() = default;
  TensorFiles(const TensorFiles&) = delete;
  TensorFiles& operator=(const TensorFiles&) = delete;

  Status Add(const std::string& path);

  // Adds all *.safetensors of a folder.
  Status AddFolder(const std::string& folder);

  // Gives back the memory of a piece that will not be read again soon; what was read once need not stay in the page
  // cache, which counts for the container. A piece that is read again is read from the disk.
  void Forget(const void* begin, const void* end) const;

  const Tensor* Find(const std::string& name) const;
  const std::map<std::string, Tensor>& all() const { return tensors_; }

 private:
  // A file in memory; at its end it leaves the page cache too.
  struct Mapping {
    Mapping(int file, uint8_t* data, size_t size) : file(file), data(data), size(size) {}
    ~Mapping();
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    const int file;
    uint8_t* const data;
    const size_t size;
  };

  Status Read(const uint8_t* bytes, size_t size);

  std::vector<std::unique_ptr<Mapping>> mappings_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace tandem::serving
