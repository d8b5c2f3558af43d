// Bases and updates as the store has them, written into a folder that goes with the test.
//
// Memory:  small files.
// Threads: each test its own Folder.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tandem::serving {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tandem-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }

  std::string Write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

 private:
  std::string path_;
};

// A tensor to be written; its type is that of its numbers.
struct Written {
  Written(std::vector<size_t> shape, const std::vector<int64_t>& numbers)
      : type("I64"),
        shape(std::move(shape)),
        bytes(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(int64_t)) {}
  Written(std::vector<size_t> shape, const std::vector<float>& numbers)
      : type("F32"),
        shape(std::move(shape)),
        bytes(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)) {}

  std::string type;
  std::vector<size_t> shape;
  std::string bytes;
};

using WrittenTensors = std::map<std::string, Written>;

// Header size, header, padding.
inline std::string Prefixed(std::string header) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  uint64_t size = header.size();
  std::string out(sizeof size, '\0');
  std::memcpy(out.data(), &size, sizeof size);
  return out + header;
}

// As wire writes it: the widest type first, so that all are aligned.
inline std::string Safetensors(const WrittenTensors& tensors) {
  std::string header = "{", data;
  for (const char* type : {"I64", "F32"}) {
    for (const auto& [name, tensor] : tensors) {
      if (tensor.type != type) continue;
      header += (header.size() > 1 ? ",\"" : "\"") + name + "\":{\"dtype\":\"" + type + "\",\"shape\":[";
      for (size_t i = 0; i < tensor.shape.size(); ++i) header += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
      header += "],\"data_offsets\":[" + std::to_string(data.size()) + ",";
      data += tensor.bytes;
      header += std::to_string(data.size()) + "]}";
    }
  }
  return Prefixed(header + "}") + data;
}

}  // namespace tandem::serving
