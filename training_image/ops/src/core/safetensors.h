// The part of safetensors that Tandem writes and reads: named tensors behind a JSON header, nothing else.
//
// Memory:  file = header size (u64, little endian) | header (JSON, padded by spaces to a multiple of 8) | data. Tensors tile the
//          data without holes, the widest type first, so every tensor is aligned to its type where the buffer is to 8.
//          A header read is at most kMaxHeader bytes and kMaxEntries entries; nothing is allocated by sizes it claims.
// Threads: pure functions over memory of the caller.
//
// ReadHeader takes bytes that nobody vouches for. What it accepts is what WriteHeader writes, up to the order of the
// entries: no white space but the padding, no escapes but the necessary ones, no number but plain decimals, nothing twice.
// Its refusals name the tensor and the field. SNAPSHOT.md has the rules in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"

namespace tandem {

inline constexpr size_t kMaxHeader = 64 * 1024;
inline constexpr size_t kMaxEntries = 16;  // tensors, and as many entries of metadata

enum class Dtype { kI64, kU64, kF32, kU32 };

size_t SizeOf(Dtype dtype);
const char* NameOf(Dtype dtype);

struct TensorEntry {
  std::string name;
  Dtype dtype = Dtype::kI64;
  std::vector<uint64_t> shape;  // one or two sizes
  uint64_t begin = 0, end = 0;  // bytes, from the start of the data
};

struct SafetensorsHeader {
  std::vector<std::pair<std::string, std::string>> metadata;  // UTF-8
  std::vector<TensorEntry> tensors;

  const TensorEntry* Find(const std::string& name) const;
  const std::string* FindMetadata(const std::string& name) const;
};

// Header size, header and padding; the data follows. `begin` and `end` of the tensors are the caller's to fill in.
std::string WriteHeader(const SafetensorsHeader& header);

// Refuses everything that is not such a file of exactly `size` bytes. The data starts at `data_begin`.
Status ReadHeader(const uint8_t* bytes, size_t size, SafetensorsHeader* header, size_t* data_begin);

// Printable and short enough for a sentence: names in refusals come from bytes that nobody vouches for.
std::string Quoted(const std::string& text);

// Whether the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool IsUtf8(const std::string& text);

}  // namespace tandem
