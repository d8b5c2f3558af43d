#include "versions/tensor_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

namespace tandem::serving {
namespace {

using Json = nlohmann::json;

constexpr size_t kPrefix = 8;
constexpr size_t kMostHeader = size_t{16} << 20;
constexpr char kMetadata[] = "__metadata__";

// Parses a header whose top-level names stand once; discarded if it is anything else.
Json ParseHeader(const char* begin, const char* end, std::string* twice) {
  std::set<std::string> seen;
  const Json header = Json::parse(
      begin, end,
      [&](int depth, Json::parse_event_t event, Json& value) {
        if (event == Json::parse_event_t::key && depth == 1 && !seen.insert(value.get<std::string>()).second) {
          *twice = value.get<std::string>();
        }
        return true;
      },
      false);
  return header;
}

bool ReadSizes(const Json& list, std::vector<size_t>* sizes) {
  if (!list.is_array()) return false;
  for (const Json& size : list) {
    if (!size.is_number_unsigned()) return false;
    sizes->push_back(size.get<size_t>());
  }
  return true;
}

// One entry of a header, against the bytes behind it.
Status ReadTensor(const Json& entry, const uint8_t* data, size_t data_size, Tensor* tensor) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets")) {
    return Status::Refused("must have dtype, shape and data_offsets");
  }
  const Json& type = entry["dtype"];
  if (type != "I64" && type != "F32") return Status::Refused("must be int64 or float32");
  tensor->type = type == "I64" ? Tensor::Type::kInt64 : Tensor::Type::kFloat32;
  const size_t each = type == "I64" ? sizeof(int64_t) : sizeof(float);
  std::vector<size_t> offsets;
  if (!ReadSizes(entry["shape"], &tensor->shape) || !ReadSizes(entry["data_offsets"], &offsets) ||
      offsets.size() != 2) {
    return Status::Refused("has a shape or data_offsets that are no lists of sizes");
  }
  size_t bytes = each;
  for (const size_t size : tensor->shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return Status::Refused("has a shape beyond 2^64 bytes");
  }
  if (offsets[0] > offsets[1] || offsets[1] > data_size || offsets[1] - offsets[0] != bytes) {
    return Status::Refused("has data_offsets that do not fit its shape and the file: it is torn");
  }
  tensor->count = bytes / each;
  tensor->data = data + offsets[0];
  if (reinterpret_cast<uintptr_t>(tensor->data) % each != 0) return Status::Refused("is not aligned to its type");
  return Status();
}

}  // namespace

std::string Tensor::text() const {
  std::string sizes;
  for (const size_t size : shape) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  return "(" + sizes + (shape.size() == 1 ? ",) " : ") ") + (type == Type::kInt64 ? "int64" : "float32");
}

TensorFiles::Mapping::~Mapping() {
  munmap(data, size);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

// From page to page, the last one not, since it may hold the beginning of what comes next. Mapped pages stay in the
// cache, so the mapping lets go of them first.
void TensorFiles::Forget(const void* begin, const void* end) const {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto* first = static_cast<const uint8_t*>(begin);
  for (const std::unique_ptr<Mapping>& mapping : mappings_) {
    if (std::less<>()(first, mapping->data) || !std::less<>()(first, mapping->data + mapping->size)) continue;
    const size_t from = static_cast<size_t>(first - mapping->data) / page * page;
    const size_t to = static_cast<size_t>(static_cast<const uint8_t*>(end) - mapping->data) / page * page;
    if (from >= to) return;
    madvise(mapping->data + from, to - from, MADV_DONTNEED);
    posix_fadvise(mapping->file, static_cast<off_t>(from), static_cast<off_t>(to - from), POSIX_FADV_DONTNEED);
  }
}

Status TensorFiles::Read(const uint8_t* bytes, size_t size) {
  uint64_t length = 0;
  if (size >= kPrefix) std::memcpy(&length, bytes, kPrefix);
  if (size < kPrefix || length > size - kPrefix || length > kMostHeader) {
    return Status::Refused("is not safetensors: it is torn");
  }
  const auto* header = reinterpret_cast<const char*>(bytes + kPrefix);
  std::string twice;
  const Json entries = ParseHeader(header, header + length, &twice);
  if (!twice.empty()) return Status::Refused("has tensor " + twice + " twice");
  if (!entries.is_object()) return Status::Refused("is not safetensors: its header is no JSON object");
  for (const auto& [name, entry] : entries.items()) {
    if (name == kMetadata) continue;
    Tensor tensor;
    const Status status = ReadTensor(entry, bytes + kPrefix + length, size - kPrefix - length, &tensor);
    if (!status.ok()) return Status::Refused("tensor " + name + " " + status.why());
    if (!tensors_.emplace(name, std::move(tensor)).second) {
      return Status::Refused("has tensor " + name + ", which another file of the same part has too");
    }
  }
  return Status();
}

Status TensorFiles::Add(const std::string& path) {
  const std::string called = std::filesystem::path(path).filename().string();
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about{};
  if (file < 0 || fstat(file, &about) != 0) {
    const int error = errno;
    if (file >= 0) close(file);
    return Status::Refused(called + " can't be opened: " + std::generic_category().message(error));
  }
  const auto size = static_cast<size_t>(about.st_size);
  void* data = size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (data == MAP_FAILED) {
    close(file);
    return Status::Refused(called + (size == 0 ? " is empty" : " can't be mapped into memory"));
  }
  auto* const bytes = static_cast<uint8_t*>(data);
  mappings_.push_back(std::make_unique<Mapping>(file, bytes, size));
  const Status status = Read(bytes, size);
  return status.ok() ? status : Status::Refused(called + " " + status.why());
}

Status TensorFiles::AddFolder(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".safetensors") paths.push_back(entry->path().string());
  }
  if (error) return Status::Refused("folder " + folder + " can't be read: " + error.message());
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    if (Status status = Add(path); !status.ok()) return status;
  }
  return Status();
}

const Tensor* TensorFiles::Find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

}  // namespace tandem::serving
