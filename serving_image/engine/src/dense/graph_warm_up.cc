#include "dense/graph_warm_up.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>

#include "dense/error.h"

namespace tandem::serving {
namespace {

using nlohmann::json;

constexpr double kAllowed = 1e-5;
constexpr const char* kName = "graph";

// Numbers from -1 to 1, the same for both forms.
GraphFill Numbers(const Dense& dense, size_t rows) {
  return [&dense, rows](const FeatureRoom* rooms) {
    uint64_t state = rows;
    for (size_t f = 0; f < dense.features(); ++f) {
      for (size_t i = 0; i < rows * rooms[f].width; ++i) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        rooms[f].data[i / rooms[f].width * rooms[f].stride + i % rooms[f].width] =
            static_cast<float>(static_cast<int32_t>(state >> 32)) / 2147483648.0f;
      }
    }
  };
}

std::string Sentence(size_t rows, double error) {
  char text[96];
  std::snprintf(text, sizeof text, "at %zu rows the graph answers %.1e away; 1e-05 is allowed", rows, error);
  return text;
}

Status WarmUpOne(const Dense& dense, size_t rows, const GraphRun& graph, const GraphRun& plain, WarmedBucket* bucket) {
  std::vector<std::vector<float>> answers(dense.outputs(), std::vector<float>(rows)), right = answers;
  std::vector<float*> to, right_to;
  for (auto& answer : answers) to.push_back(answer.data());
  for (auto& answer : right) right_to.push_back(answer.data());
  const GraphFill numbers = Numbers(dense, rows);
  for (int run = 0; run < kGraphRuns; ++run) {
    const auto begun = std::chrono::steady_clock::now();
    if (Status status = graph(rows, run == 0 ? numbers : GraphFill(), to.data()); !status.ok()) return status;
    bucket->milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
  }
  if (Status status = plain(rows, numbers, right_to.data()); !status.ok()) return status;
  bucket->error = GreatestError(answers, right);
  if (!(bucket->error <= kAllowed)) bucket->why = Sentence(rows, bucket->error);
  return {};
}

}  // namespace

Status WarmUpGraph(const Dense& dense, const std::vector<size_t>& sizes, const GraphRun& graph, const GraphRun& plain,
                   std::vector<WarmedBucket>* warmed) {
  warmed->clear();
  for (auto rows = sizes.rbegin(); rows != sizes.rend(); ++rows) {
    WarmedBucket bucket;
    bucket.rows = *rows;
    const Status status = WarmUpOne(dense, *rows, graph, plain, &bucket);
    if (!status.ok()) return Status::Refused("at " + std::to_string(*rows) + " rows: " + status.why());
    warmed->push_back(std::move(bucket));
  }
  return {};
}

json ReportOf(const std::vector<WarmedBucket>& warmed) {
  json buckets = json::array();
  for (const WarmedBucket& bucket : warmed) {
    buckets.push_back({{"rows", bucket.rows}, {"milliseconds", bucket.milliseconds}, {"error", bucket.error}});
    if (!bucket.why.empty()) buckets.back()["why"] = bucket.why;
  }
  return {{"buckets", std::move(buckets)}};
}

void AddToSizes(const std::vector<WarmedBucket>& warmed, json* report) {
  for (json& line : (*report)["sizes"]) {
    for (const WarmedBucket& bucket : warmed) {
      if (line["rows"] != bucket.rows || !bucket.why.empty()) continue;
      line["engine"] = kName;
      line["microseconds"][kName] = 1000 * *std::min_element(bucket.milliseconds.begin(), bucket.milliseconds.end());
    }
  }
}

}  // namespace tandem::serving
