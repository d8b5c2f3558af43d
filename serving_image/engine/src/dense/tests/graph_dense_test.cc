#include "dense/graph_dense.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "dense/graph_plan.h"
#include "dense/open.h"
#include "dense/tests/sample.h"
#include "dense/tests/tiny_model.h"

namespace tandem::serving {
namespace {

using nlohmann::json;
using namespace testing;
using Is = GraphState::Is;

// A copy of tests/tiny whose graph.pb is one of its variants, or which lacks a file; gone at the end.
class Folder {
 public:
  explicit Folder(const std::string& graph, const std::string& without = "") {
    char name[] = "/tmp/tandem-graph-XXXXXX";
    path_ = mkdtemp(name);
    for (const auto& [file, from] : std::map<std::string, std::string>{{"program.json", "program.json"},
                                                                       {"fold.pb", "fold.pb"},
                                                                       {"rest.pb", "rest.pb"},
                                                                       {"graph.json", "graph.json"},
                                                                       {"graph.pb", graph}}) {
      if (file != without) std::ofstream(path_ + "/" + file, std::ios::binary) << Text(kTiny + "/" + from);
    }
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Answers {
  std::vector<float> ctr, cvr;
};

Answers Ask(const Dense& dense, const DenseWeights& weights, DenseScratch* scratch, size_t batch, float poison = 0) {
  std::vector<Rows> features;
  for (size_t f = 0; f < dense.features(); ++f) features.push_back(RandomRows(batch, dense.width(f), f + batch));
  const FeatureRoom* room = scratch->Room(batch);
  Fill(features, room);
  if (poison != 0) room[0].data[0] = poison;
  Answers answers{std::vector<float>(batch), std::vector<float>(batch)};
  float* outputs[] = {answers.ctr.data(), answers.cvr.data()};
  const Status status = dense.Run(weights, scratch, batch, outputs);
  if (!status.ok()) throw tandem::testing::Failure(status.why());
  return answers;
}

// The tiny model twice: with a graph over it, and without.
struct Pair {
  explicit Pair(const std::string& folder, GraphDevice device = GraphDevice::kAny) {
    DenseOptions options;
    options.tensorflow = LoadedTensorFlow();
    options.sizes = {1, 8, 32};
    Open(options, folder, &plain);
    options.graph = {device, &state};
    Open(options, folder, &captured);
    Make(1);
    std::string none;
    CHECK(plain->WarmUp(*versions[0].second, &none).ok());
    std::string text;
    CHECK(captured->WarmUp(*versions[0].first, &text).ok());
    report = json::parse(text);
  }

  static void Open(const DenseOptions& options, const std::string& folder, std::unique_ptr<Dense>* made) {
    const Status status = OpenDense(options, folder, kWeights, made);
    if (!status.ok()) throw tandem::testing::Failure(status.why());
  }

  void Make(uint64_t seed) {
    const Weights weights(seed);
    versions.emplace_back();
    CHECK(captured->Prepare(weights.pointers.data(), &versions.back().first).ok());
    CHECK(plain->Prepare(weights.pointers.data(), &versions.back().second).ok());
  }

  // Whether every version answers batches of every kind alike in both.
  bool Agree() const {
    const auto scratch = captured->NewScratch(), other = plain->NewScratch();
    for (const auto& [ours, theirs] : versions) {
      for (size_t batch : {1, 5, 8, 31, 32, 2}) {
        const Answers a = Ask(*captured, *ours, scratch.get(), batch), b = Ask(*plain, *theirs, other.get(), batch);
        for (size_t r = 0; r < batch; ++r) {
          if (!Close(a.ctr[r], b.ctr[r]) || !Close(a.cvr[r], b.cvr[r])) return false;
        }
      }
    }
    return true;
  }

  Is is() const {
    Is found;
    std::string why;
    state.Get(&found, &why);
    return found;
  }
  std::string why() const {
    Is found;
    std::string why;
    state.Get(&found, &why);
    return why;
  }

  GraphState state;
  std::unique_ptr<Dense> plain, captured;
  std::vector<std::pair<std::unique_ptr<const DenseWeights>, std::unique_ptr<const DenseWeights>>> versions;
  json report;
};

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(every_size_is_warmed_from_the_largest_and_all_versions_answer_as_without) {
  if (LoadedTensorFlow() == nullptr) return;
  Pair pair(kTiny);
  CHECK(pair.is() == Is::kOn && pair.why().empty());
  const json& graph = pair.report["graph"];
  CHECK(graph["state"] == "on");
  const json& buckets = graph["buckets"];
  CHECK(buckets.size() == 3);
  CHECK(buckets[0]["rows"] == 32 && buckets[1]["rows"] == 8 && buckets[2]["rows"] == 1);
  for (const json& bucket : buckets) CHECK(bucket["milliseconds"].size() == 4 && bucket["error"] <= 1e-5);
  for (const json& line : pair.report["sizes"]) {
    CHECK(line["engine"] == "graph" && line["microseconds"]["graph"] > 0 && line["microseconds"].contains("panels"));
  }
  pair.Make(2);
  pair.Make(3);
  CHECK(pair.Agree());
  CHECK(pair.state.captured() == 18 && pair.state.fallback() == 0);
  pair.versions.erase(pair.versions.begin());  // its weights leave the device, the others stay
  CHECK(pair.Agree());
  CHECK(pair.is() == Is::kOn);
}

TEST(threads_answer_while_versions_come_and_go) {
  if (LoadedTensorFlow() == nullptr) return;
  Pair pair(kTiny);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) wrong += pair.Agree() ? 0 : 1;
    });
  }
  for (uint64_t seed = 2; seed < 12; ++seed) {
    const Weights weights(seed);
    std::unique_ptr<const DenseWeights> made;
    wrong += pair.captured->Prepare(weights.pointers.data(), &made).ok() ? 0 : 1;
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0 && pair.state.fallback() == 0);
}

TEST(a_graph_that_does_not_compile_is_not_used_and_the_reason_is_there) {
  if (LoadedTensorFlow() == nullptr) return;
  const Folder folder("graph.uncompiled.pb");
  Pair pair(folder.path());
  CHECK(pair.is() == Is::kFallback);
  CHECK(Has(pair.why(), "at 32 rows: the captured graph fails: ") && Has(pair.why(), "AsString"));
  CHECK(pair.report["graph"]["state"] == "fallback" && pair.report["graph"]["why"] == pair.why());
  CHECK(pair.report["sizes"][0]["engine"] != "graph");
  pair.Make(2);
  CHECK(pair.Agree());
  CHECK(pair.state.captured() == 0 && pair.state.fallback() == 0);  // none was meant to be computed by it
}

TEST(a_graph_that_answers_otherwise_is_not_used) {
  if (LoadedTensorFlow() == nullptr) return;
  const Folder folder("graph.wrong.pb");
  Pair pair(folder.path());
  CHECK(pair.is() == Is::kFallback && Has(pair.why(), "at 32 rows the graph answers 5.0e-01 away; 1e-05 is allowed"));
  CHECK(pair.Agree() && pair.state.captured() == 0);
}

TEST(a_batch_that_the_graph_fails_on_is_answered_without_it_and_so_is_all_after) {
  if (LoadedTensorFlow() == nullptr) return;
  const Folder folder("graph.fragile.pb");
  Pair pair(folder.path());
  CHECK(pair.is() == Is::kOn);
  const auto scratch = pair.captured->NewScratch(), other = pair.plain->NewScratch(),
             late = pair.captured->NewScratch();
  late->Room(3);  // a batch that is being written while another meets the failure
  const float poison = std::numeric_limits<float>::infinity();
  const Answers a = Ask(*pair.captured, *pair.versions[0].first, scratch.get(), 5, poison);
  const Answers b = Ask(*pair.plain, *pair.versions[0].second, other.get(), 5, poison);
  for (size_t r = 1; r < 5; ++r) CHECK(Close(a.ctr[r], b.ctr[r]) && Close(a.cvr[r], b.cvr[r]));
  CHECK(pair.is() == Is::kFallback && Has(pair.why(), "a test's"));
  CHECK(pair.state.fallback() == 1);
  pair.Make(2);  // a version that is made after it is not put on the device
  CHECK(pair.Agree() && pair.state.captured() == 0);
}

TEST(without_a_gpu_or_a_graph_the_state_says_so_and_answers_stay) {
  if (LoadedTensorFlow() == nullptr) return;
  Pair gpu(kTiny, GraphDevice::kGpu);
  CHECK(gpu.is() == Is::kUnavailable && Has(gpu.why(), "TensorFlow sees no GPU; give the pod one"));
  CHECK(gpu.Agree() && !gpu.report.contains("graph"));
  const Folder bare("graph.pb", "graph.json");
  Pair none(bare.path());
  CHECK(none.is() == Is::kUnavailable && none.why() == "nothing of this base is captured");
  const Folder gone("graph.pb", "graph.pb");
  Pair lost(gone.path());
  CHECK(lost.is() == Is::kUnavailable && lost.why() == "graph.pb can't be read");
  CHECK(lost.Agree());
}

TEST(a_plan_is_refused_by_its_place) {
  Program program;
  program.slots.resize(4);
  const json good = json::parse(Text(kTiny + "/graph.json"));
  const auto refused = [&](const char* pointer, json value) {
    json changed = good;
    changed[json::json_pointer(pointer)] = std::move(value);
    GraphPlan plan;
    return ParseGraphPlan(changed.dump(), program, &plan).why();
  };
  GraphPlan plan;
  CHECK(ParseGraphPlan(good.dump(), program, &plan).ok());
  CHECK(plan.slots.size() == 4 && plan.graph == "graph.pb" && plan.forget_operation == "tandem_graph/forgotten");
  CHECK(Has(ParseGraphPlan("{", program, &plan).why(), "graph.json: is no JSON"));
  CHECK(Has(refused("/format", "tandem.graph/2"), "format"));
  CHECK(Has(refused("/graph", "../graph.pb"), "graph"));
  CHECK(Has(refused("/extra", 1), "extra"));
  CHECK(Has(refused("/features", 1), "features"));
  CHECK(Has(refused("/slots/2/held", nullptr), "slots[2].held"));
  CHECK(Has(refused("/slots/4", good["slots"][0]), "has 5 entries; program.json has 4"));
  CHECK(Has(refused("/forget", nullptr), "forget"));
}

}  // namespace
}  // namespace tandem::serving
