// Protobuf's bytes, appended to a string: for messages that are asked for now and then.
//
// Memory:  the caller's string; an inner message is built as a string of its own first.
// Threads: pure functions.
//
// Predictions are answered by predict_response.h, which writes into the message that goes out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::serving::door {

inline void PutVarint(std::string* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

// A number as proto3 writes it: zero is left out.
inline void PutNumber(std::string* out, uint32_t field, int64_t value) {
  if (value == 0) return;
  PutVarint(out, uint64_t{field} << 3);
  PutVarint(out, static_cast<uint64_t>(value));
}

// Bytes, text or an inner message, also when empty.
inline void PutBytes(std::string* out, uint32_t field, std::string_view bytes) {
  PutVarint(out, uint64_t{field} << 3 | 2);
  PutVarint(out, bytes.size());
  out->append(bytes);
}

// An entry of a map from text to messages.
inline void PutEntry(std::string* out, uint32_t field, std::string_view key, std::string_view value) {
  std::string entry;
  PutBytes(&entry, 1, key);
  PutBytes(&entry, 2, value);
  PutBytes(out, field, entry);
}

}  // namespace tandem::serving::door
