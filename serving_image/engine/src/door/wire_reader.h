// A cursor over the bytes of a protobuf message; what it hands out points into them.
//
// Memory:  two pointers; allocates nothing.
// Threads: a value; one thread at a time.
//
// Bytes come from the network: every length is checked before it is used, and groups nest at most kDepth deep. After
// the first violation ok() is false and nothing more is read. As in protobuf, an unknown field, and a known one that
// comes with another wire type, is for the caller to Skip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tandem::serving::door {

enum class Wire : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kEndGroup = 4, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  Wire wire = Wire::kVarint;

  bool Is(uint32_t n, Wire w) const { return number == n && wire == w; }
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  bool done() const { return at_ == end_; }

  // The next field's tag; false at the end and after a violation.
  bool Next(Field* field) {
    uint64_t tag = 0;
    if (!ok_ || at_ == end_ || !Varint(&tag)) return false;
    field->number = static_cast<uint32_t>(tag >> 3);
    field->wire = static_cast<Wire>(tag & 7);
    if (tag > UINT32_MAX || field->number == 0 || (tag & 7) > 5) return Fail();
    return true;
  }

  bool Varint(uint64_t* value) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return Fail();
      const auto byte = static_cast<unsigned char>(*at_++);
      if (shift < 64) result |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return Fail();
  }

  bool Bytes(std::string_view* bytes) {
    uint64_t size = 0;
    if (!Varint(&size)) return false;
    if (size > Left()) return Fail();
    *bytes = std::string_view(at_, size);
    at_ += size;
    return true;
  }

  bool Fixed32(uint32_t* value) { return Fixed(value); }

  // Passes over the value of a field whose tag was just read.
  bool Skip(Field field) { return Skip(field, 0); }

 private:
  static constexpr int kDepth = 100;

  size_t Left() const { return static_cast<size_t>(end_ - at_); }

  bool Fail() {
    ok_ = false;
    at_ = end_;
    return false;
  }

  template <typename T>
  bool Fixed(T* value) {
    if (Left() < sizeof(T)) return Fail();
    std::memcpy(value, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  bool Skip(Field field, int depth) {
    uint64_t number = 0;
    uint32_t fixed = 0;
    std::string_view bytes;
    switch (field.wire) {
      case Wire::kVarint:
        return Varint(&number);
      case Wire::kFixed64:
        return Fixed(&number);
      case Wire::kBytes:
        return Bytes(&bytes);
      case Wire::kFixed32:
        return Fixed(&fixed);
      case Wire::kGroup:
        return depth < kDepth ? SkipGroup(field.number, depth + 1) : Fail();
      case Wire::kEndGroup:
        return Fail();
    }
    return Fail();
  }

  bool SkipGroup(uint32_t number, int depth) {
    Field inner;
    while (Next(&inner)) {
      if (inner.wire == Wire::kEndGroup) return inner.number == number || Fail();
      if (!Skip(inner, depth)) return false;
    }
    return Fail();
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// Calls visit(bytes) for each occurrence of a field of bytes, until it says false; passes over other fields.
template <typename Visit>
bool ForEachBytes(std::string_view message, uint32_t number, Visit&& visit) {
  WireReader reader(message);
  Field field;
  while (reader.Next(&field)) {
    std::string_view bytes;
    if (!field.Is(number, Wire::kBytes)) {
      if (!reader.Skip(field)) return false;
    } else if (!reader.Bytes(&bytes) || !visit(bytes)) {
      return false;
    }
  }
  return reader.ok();
}

}  // namespace tandem::serving::door
