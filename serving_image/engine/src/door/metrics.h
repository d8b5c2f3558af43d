// What the engine counts and times, and its form for Prometheus.
//
// Memory:  fixed: one 8-byte counter per bucket, method and code.
// Threads: any, at once; every number is a relaxed atomic, so a reader may see one observation half.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "door/refusal.h"

namespace tandem::serving::door {

enum class Stage : uint8_t { kDecode, kQueue, kGather, kDense, kEncode };
inline constexpr size_t kStages = 5;

enum class Method : uint8_t {
  kPredict,
  kGetModelMetadata,
  kGetModelStatus,
  kHandleReloadConfigRequest,
  kClassify,
  kRegress,
  kMultiInference,
  kHealthCheck
};
inline constexpr size_t kMethods = 8;

const char* MethodName(Method method);

// Durations in buckets that double from 1 µs to 4 s.
class Histogram {
 public:
  static constexpr size_t kBuckets = 24;  // the last: longer than 2^22 µs

  void Observe(int64_t nanoseconds);
  // Lines `name_bucket{labels,le="…"} n`, `name_sum{labels}` and `name_count{labels}`.
  void AppendTo(std::string* text, const std::string& name, const std::string& labels) const;
  uint64_t count() const;

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_ = {};
  std::atomic<uint64_t> nanoseconds_ = 0;
};

class Metrics {
 public:
  void Time(Stage stage, int64_t nanoseconds) { stages_[static_cast<size_t>(stage)].Observe(nanoseconds); }
  // A request ended, so long after it had come.
  void Ended(Method method, Code code, int64_t nanoseconds);
  void Batched(size_t requests, size_t rows);

  // Predictions that were answered, and requests of any method that failed by this server's own doing.
  uint64_t answers() const;
  uint64_t errors() const;

  // All of it in Prometheus' text form; `in_flight`: predictions in the door now.
  std::string Text(size_t in_flight) const;

 private:
  static constexpr size_t kCodes = 17;

  std::array<Histogram, kStages> stages_;
  std::array<Histogram, kMethods> latency_;
  std::array<std::array<std::atomic<uint64_t>, kCodes>, kMethods> requests_ = {};
  std::atomic<uint64_t> batches_ = 0;
  std::atomic<uint64_t> batched_ = 0;
  std::atomic<uint64_t> rows_ = 0;
};

}  // namespace tandem::serving::door
