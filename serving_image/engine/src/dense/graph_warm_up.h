// Runs a captured graph at every batch size before a version takes traffic: largest first, several times, compared.
//
// Memory:  answers of the largest size, twice.
// Threads: one.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/status.h"
#include "versions/dense.h"

namespace tandem::serving {

// The first run of a size compiles it; on a GPU, command buffers are recorded in one of the next.
inline constexpr int kGraphRuns = 4;

using GraphFill = std::function<void(const FeatureRoom*)>;
// Computes so many rows; `fill` writes them, or is empty where those of the last call are still there.
using GraphRun = std::function<Status(size_t rows, const GraphFill& fill, float* const* outputs)>;

struct WarmedBucket {
  size_t rows = 0;
  std::vector<double> milliseconds;  // of each run, by the clock on the wall
  double error = 0;                  // greatest difference from the plain form, absolute up to 1 and relative above
  std::string why;                   // why it is not used; empty: it is
};

// Refused when a size does not compile or run; `warmed` then holds those before it. A size whose answers differ from
// the plain form's by more than 1e-5 is not used, the others are.
Status WarmUpGraph(const Dense& dense, const std::vector<size_t>& sizes, const GraphRun& graph, const GraphRun& plain,
                   std::vector<WarmedBucket>* warmed);

// {"buckets": […]} for the log, largest first.
nlohmann::json ReportOf(const std::vector<WarmedBucket>& warmed);

// Names the graph in the plain form's report where it computes, with its time beside the others'.
void AddToSizes(const std::vector<WarmedBucket>& warmed, nlohmann::json* report);

}  // namespace tandem::serving
