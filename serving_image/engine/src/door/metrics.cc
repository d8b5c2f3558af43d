#include "door/metrics.h"

#include <cstdio>

namespace tandem::serving::door {
namespace {

constexpr const char* kStageNames[kStages] = {"decode", "queue", "gather", "dense", "encode"};
constexpr const char* kMethodNames[kMethods] = {
    "Predict",  "GetModelMetadata", "GetModelStatus", "HandleReloadConfigRequest",
    "Classify", "Regress",          "MultiInference", "Check"};

uint64_t Get(const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

void Add(std::atomic<uint64_t>* counter, uint64_t more) { counter->fetch_add(more, std::memory_order_relaxed); }

// The bucket of the shortest bound 2^i µs that is not below the duration.
size_t BucketOf(uint64_t nanoseconds) {
  const uint64_t above = nanoseconds == 0 ? 0 : (nanoseconds - 1) / 1000;
  const size_t bucket = above == 0 ? 0 : static_cast<size_t>(64 - __builtin_clzll(above));
  return bucket < Histogram::kBuckets ? bucket : Histogram::kBuckets - 1;
}

void Help(std::string* text, const char* name, const char* type, const char* help) {
  *text += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

void Line(std::string* text, const std::string& name, const std::string& labels, uint64_t value) {
  *text += name + (labels.empty() ? "" : "{" + labels + "}") + " " + std::to_string(value) + "\n";
}

}  // namespace

const char* MethodName(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

void Histogram::Observe(int64_t nanoseconds) {
  const uint64_t time = nanoseconds < 0 ? 0 : static_cast<uint64_t>(nanoseconds);
  Add(&buckets_[BucketOf(time)], 1);
  Add(&nanoseconds_, time);
}

uint64_t Histogram::count() const {
  uint64_t total = 0;
  for (const auto& bucket : buckets_) total += Get(bucket);
  return total;
}

void Histogram::AppendTo(std::string* text, const std::string& name, const std::string& labels) const {
  uint64_t total = 0;
  char bound[32];
  for (size_t i = 0; i < kBuckets; ++i) {
    total += Get(buckets_[i]);
    std::snprintf(bound, sizeof bound, "%g", static_cast<double>(uint64_t{1} << i) * 1e-6);
    Line(text, name + "_bucket", labels + ",le=\"" + (i + 1 < kBuckets ? bound : "+Inf") + "\"", total);
  }
  std::snprintf(bound, sizeof bound, "%.9f", static_cast<double>(Get(nanoseconds_)) * 1e-9);
  *text += name + "_sum{" + labels + "} " + bound + "\n";
  Line(text, name + "_count", labels, total);
}

void Metrics::Ended(Method method, Code code, int64_t nanoseconds) {
  const auto m = static_cast<size_t>(method);
  latency_[m].Observe(nanoseconds);
  Add(&requests_[m][static_cast<size_t>(code)], 1);
}

void Metrics::Batched(size_t requests, size_t rows) {
  Add(&batches_, 1);
  Add(&batched_, requests);
  Add(&rows_, rows);
}

uint64_t Metrics::answers() const {
  uint64_t total = 0;
  for (Method method : {Method::kPredict, Method::kClassify, Method::kRegress, Method::kMultiInference}) {
    total += Get(requests_[static_cast<size_t>(method)][static_cast<size_t>(Code::kOk)]);
  }
  return total;
}

uint64_t Metrics::errors() const {
  uint64_t total = 0;
  for (const auto& codes : requests_) {
    for (size_t code = 0; code < kCodes; ++code) {
      if (IsOurs(static_cast<Code>(code))) total += Get(codes[code]);
    }
  }
  return total;
}

std::string Metrics::Text(size_t in_flight) const {
  std::string text;
  Help(&text, "tandem_engine_requests_total", "counter", "gRPC requests by method and code.");
  for (size_t m = 0; m < kMethods; ++m) {
    for (size_t code = 0; code < kCodes; ++code) {
      const uint64_t count = Get(requests_[m][code]);
      if (count == 0) continue;
      Line(&text, "tandem_engine_requests_total",
           std::string("method=\"") + kMethodNames[m] + "\",code=\"" + CodeName(static_cast<Code>(code)) + "\"", count);
    }
  }
  Help(&text, "tandem_engine_request_seconds", "histogram", "Time to answer, by method.");
  for (size_t m = 0; m < kMethods; ++m) {
    if (m > 0 && latency_[m].count() == 0) continue;
    latency_[m].AppendTo(&text, "tandem_engine_request_seconds", std::string("method=\"") + kMethodNames[m] + "\"");
  }
  Help(&text, "tandem_engine_stage_seconds", "histogram",
       "Time within predictions, by stage; decode, queue and encode per request, gather and dense per batch.");
  for (size_t s = 0; s < kStages; ++s) {
    stages_[s].AppendTo(&text, "tandem_engine_stage_seconds", std::string("stage=\"") + kStageNames[s] + "\"");
  }
  Help(&text, "tandem_engine_batches_total", "counter", "Batches that were computed.");
  Line(&text, "tandem_engine_batches_total", "", Get(batches_));
  Help(&text, "tandem_engine_batched_requests_total", "counter", "Requests in them.");
  Line(&text, "tandem_engine_batched_requests_total", "", Get(batched_));
  Help(&text, "tandem_engine_rows_total", "counter", "Rows in them.");
  Line(&text, "tandem_engine_rows_total", "", Get(rows_));
  Help(&text, "tandem_engine_in_flight", "gauge", "Predictions that wait or are computed.");
  Line(&text, "tandem_engine_in_flight", "", in_flight);
  return text;
}

}  // namespace tandem::serving::door
