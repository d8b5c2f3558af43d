// What a client is told instead of an answer: gRPC's code and a sentence that names the thing, the reason, the remedy.
//
// Memory:  one std::string; kOk means success.
// Threads: a value.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tandem::serving::door {

// The numbers are gRPC's own.
enum class Code : uint8_t {
  kOk = 0,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

// As gRPC's documents write it.
inline const char* CodeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "OK";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kUnimplemented:
      return "UNIMPLEMENTED";
    case Code::kInternal:
      return "INTERNAL";
    case Code::kUnavailable:
      return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

// Whether the report counts it as an error of this server; a client's own mistakes are not.
inline bool IsOurs(Code code) {
  return code != Code::kOk && code != Code::kInvalidArgument && code != Code::kNotFound &&
         code != Code::kUnimplemented && code != Code::kFailedPrecondition;
}

struct [[nodiscard]] Refusal {
  Code code = Code::kOk;
  std::string why;

  bool ok() const { return code == Code::kOk; }
  static Refusal None() { return {}; }
  static Refusal BadRequest(std::string why) { return {Code::kInvalidArgument, std::move(why)}; }
};

}  // namespace tandem::serving::door
