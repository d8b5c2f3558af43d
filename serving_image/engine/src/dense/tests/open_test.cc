#include "dense/open.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "dense/tests/sample.h"
#include "dense/tests/tiny_model.h"

namespace tandem::serving {
namespace {

using nlohmann::json;
using namespace testing;

// A copy of tests/tiny with some files replaced, gone at the end.
class Folder {
 public:
  explicit Folder(const std::map<std::string, std::string>& files) {
    char name[] = "/tmp/tandem-dense-XXXXXX";
    path_ = mkdtemp(name);
    for (const char* file : {"program.json", "fold.pb", "rest.pb"}) {
      std::ofstream(path_ + "/" + file, std::ios::binary)
          << (files.count(file) ? files.at(file) : Text(kTiny + "/" + file));
    }
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

double ExpectedAnswer(const Weights& weights, const std::vector<Rows>& features, size_t row, size_t head) {
  std::vector<double> x;
  for (const Rows& feature : features) x.insert(x.end(), feature[row].begin(), feature[row].end());
  double logit = 0;
  for (size_t j = 0; j < 6; ++j) {
    double sum = weights.values[1][j];
    for (size_t i = 0; i < 10; ++i) sum += x[i] * weights.values[0][i * 6 + j];
    sum = (sum - weights.values[2][j]) / std::sqrt(weights.values[3][j] + 1e-3);
    logit += std::max(0.0, sum) * weights.values[4 + head][j];
  }
  return 1 / (1 + std::exp(-logit));
}

bool Right(const Dense& dense, const DenseWeights& packed, DenseScratch* scratch, const Weights& weights,
           size_t batch) {
  std::vector<Rows> features;
  for (size_t f = 0; f < dense.features(); ++f) features.push_back(RandomRows(batch, dense.width(f), f + batch));
  Fill(features, scratch->Room(batch));
  std::vector<float> ctr(batch), cvr(batch);
  float* outputs[] = {ctr.data(), cvr.data()};
  if (!dense.Run(packed, scratch, batch, outputs).ok()) return false;
  for (size_t r = 0; r < batch; ++r) {
    if (!Close(ctr[r], ExpectedAnswer(weights, features, r, 0))) return false;
    if (!Close(cvr[r], ExpectedAnswer(weights, features, r, 1))) return false;
  }
  return true;
}

std::unique_ptr<Dense> Opened(const std::string& folder, const TensorFlow* api) {
  DenseOptions options;
  options.tensorflow = api;
  options.sizes = {1, 8, 32};
  std::unique_ptr<Dense> dense;
  const Status status = OpenDense(options, folder, kWeights, &dense);
  if (!status.ok()) throw tandem::testing::Failure(status.why());
  return dense;
}

std::unique_ptr<const DenseWeights> Prepared(const Dense& dense, const Weights& weights) {
  std::unique_ptr<const DenseWeights> packed;
  const Status status = dense.Prepare(weights.pointers.data(), &packed);
  if (!status.ok()) throw tandem::testing::Failure(status.why());
  return packed;
}

std::string Refusal(const std::string& folder, const TensorFlow* api, std::vector<size_t> sizes = {1, 8}) {
  DenseOptions options;
  options.tensorflow = api;
  options.sizes = std::move(sizes);
  std::unique_ptr<Dense> dense;
  return OpenDense(options, folder, kWeights, &dense).why();
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(a_base_is_folded_warmed_and_answers_as_its_formula_says) {
  const TensorFlow* api = LoadedTensorFlow();
  if (api == nullptr) return;
  const auto dense = Opened(kTiny, api);
  CHECK(dense->features() == 3 && dense->width(0) == 2 && dense->outputs() == 2 && dense->largest() == 32);
  const Weights first(1), second(2);
  const auto packed = Prepared(*dense, first);
  const auto before = dense->NewScratch();
  for (size_t batch : {1, 5, 8, 31, 32}) CHECK(Right(*dense, *packed, before.get(), first, batch));
  std::string report;
  CHECK(dense->WarmUp(*packed, &report).ok());
  const json read = json::parse(report);
  CHECK(read["sizes"].size() == 3);
  for (const json& line : read["sizes"]) {
    CHECK(!line.contains("differ"));
    for (const char* engine : {"tensorflow", "panels", "onednn"}) CHECK(line["microseconds"][engine] > 0);
  }
  // On so small a model TensorFlow costs ten times what a chain does.
  CHECK(read["sizes"][0]["engine"] != "tensorflow");
  const auto next = Prepared(*dense, second);
  CHECK(next->bytes() < packed->bytes());
  const auto after = dense->NewScratch();
  for (DenseScratch* scratch : {before.get(), after.get()}) {
    for (size_t batch : {1, 5, 8, 31, 32}) {
      CHECK(Right(*dense, *packed, scratch, first, batch));
      CHECK(Right(*dense, *next, scratch, second, batch));
    }
  }
}

TEST(without_a_chain_tensorflow_computes) {
  const TensorFlow* api = LoadedTensorFlow();
  json program = json::parse(Text(kTiny + "/program.json"));
  program["chain"] = nullptr;
  program["no_chain_because"] = "its graph has Tanh";
  const Folder folder({{"program.json", program.dump()}});
  program["fold"] = nullptr;
  for (auto& slot : program["slots"]) {
    if (slot.contains("fold")) slot = SlotJson(slot["name"], slot["shape"], slot["fold"].get<size_t>());
  }
  const Folder bare({{"program.json", program.dump()}});
  CHECK(Has(Refusal(bare.path(), nullptr), "no chain (its graph has Tanh) and needs TensorFlow"));
  if (api == nullptr) return;
  const auto dense = Opened(folder.path(), api);
  const Weights weights(3);
  const auto packed = Prepared(*dense, weights);
  std::string report;
  CHECK(dense->WarmUp(*packed, &report).ok());
  CHECK(json::parse(report)["without"][0] == "no chain: its graph has Tanh");
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      const auto scratch = dense->NewScratch();
      for (size_t batch : {1, 2, 8, 9, 32, 1}) wrong += Right(*dense, *packed, scratch.get(), weights, batch) ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

// Everything but TensorFlow, so that sanitizers see it: a builder prepares and warms beside threads that answer.
TEST(at_intervals_answers_mix_new_weights_with_older_results) {
  const TensorFlow* api = LoadedTensorFlow();
  if (api == nullptr) return;
  json program = json::parse(Text(kTiny + "/program.json"));
  program["fold"]["intervals"] = {{"count_interval", 3}, {"time_interval", 0}};
  program["chain"] = nullptr;
  program.erase("chain_outputs");
  program["no_chain_because"] = "intervals";
  const Folder folder({{"program.json", program.dump()}});
  const auto dense = Opened(folder.path(), api);
  const Weights old(1), fresh(2);
  // The heads of the fresh weights behind the old weights' folded layer.
  Weights mixed(1);
  for (size_t head : {4, 5}) mixed.values[head] = fresh.values[head];
  const auto before = Prepared(*dense, old), after = Prepared(*dense, fresh);
  const auto scratch = dense->NewScratch(), probe = dense->NewScratch();
  scratch->answers = true;
  CHECK(Right(*dense, *before, scratch.get(), old, 5));
  CHECK(Right(*dense, *after, probe.get(), fresh, 5));  // no call
  CHECK(Right(*dense, *after, scratch.get(), mixed, 5));
  CHECK(Right(*dense, *after, probe.get(), fresh, 5));
  CHECK(Right(*dense, *after, scratch.get(), mixed, 1));
  CHECK(Right(*dense, *after, scratch.get(), fresh, 5));
}

TEST(threads_answer_while_another_prepares_and_warms) {
  json program = json::parse(Text(kTiny + "/program.json"));
  program["fold"] = nullptr;
  for (auto& slot : program["slots"]) {
    if (slot.contains("fold")) slot = SlotJson(slot["name"], slot["shape"], slot["fold"].get<size_t>());
  }
  const Folder folder({{"program.json", program.dump()}});
  const auto dense = Opened(folder.path(), nullptr);
  Weights weights(5);
  for (float& x : weights.values[2]) x = 0;  // no batch norm here: it is what the formula has when it changes nothing
  for (float& x : weights.values[3]) x = 1 - 1e-3f;
  const auto packed = Prepared(*dense, weights);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const auto scratch = dense->NewScratch();
      for (int i = 0; i < 50; ++i) {
        wrong += Right(*dense, *packed, scratch.get(), weights, 1 + static_cast<size_t>(7 * i + t) % 32) ? 0 : 1;
      }
    });
  }
  std::string report;
  if (!dense->WarmUp(*packed, &report).ok()) ++wrong;
  for (int i = 0; i < 5; ++i) {
    const auto next = Prepared(*dense, weights);
    const auto scratch = dense->NewScratch();
    wrong += Right(*dense, *next, scratch.get(), weights, 9) ? 0 : 1;
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  const json read = json::parse(report);
  for (const json& line : read["sizes"]) {
    CHECK(line["microseconds"].size() == 2 && line["microseconds"].contains("panels"));
  }
}

TEST(a_chain_that_does_not_agree_with_the_graph_is_not_taken) {
  const TensorFlow* api = LoadedTensorFlow();
  if (api == nullptr) return;
  json program = json::parse(Text(kTiny + "/program.json"));
  program["chain"][1]["activation"] = "none";
  const Folder folder({{"program.json", program.dump()}});
  const auto dense = Opened(folder.path(), api);
  const Weights weights(4);
  const auto packed = Prepared(*dense, weights);
  std::string report;
  CHECK(dense->WarmUp(*packed, &report).ok());
  const json read = json::parse(report);
  for (const json& line : read["sizes"]) {
    if (line["rows"] == 1) continue;  // one row may lie where both are alike
    CHECK(line["engine"] == "tensorflow" && line["differ"]["panels"] > 1e-5);
  }
  const auto scratch = dense->NewScratch();
  for (size_t batch : {8, 32}) CHECK(Right(*dense, *packed, scratch.get(), weights, batch));
}

TEST(weights_that_fold_into_nan_are_refused_by_the_slots_name) {
  const TensorFlow* api = LoadedTensorFlow();
  if (api == nullptr) return;
  const auto dense = Opened(kTiny, api);
  Weights weights(1);
  weights.values[3][2] = -4;
  std::unique_ptr<const DenseWeights> packed;
  const std::string why = dense->Prepare(weights.pointers.data(), &packed).why();
  CHECK(Has(why, "slot \"folded/kernel\" has a value that is not finite, at 2;") && packed == nullptr);
}

TEST(what_does_not_open_is_refused_with_the_file_and_the_reason) {
  CHECK(Has(Refusal("/nowhere", nullptr), "/nowhere/program.json can't be read: No such file"));
  CHECK(Has(Refusal(kTiny, nullptr), "fold.pb needs TensorFlow, which this engine runs without; give it --tensorflow"));
  CHECK(Has(Refusal(kTiny, nullptr, {}), "--sizes"));
  CHECK(Has(Refusal(kTiny, nullptr, {8, 0}), "--sizes"));
  const TensorFlow* api = LoadedTensorFlow();
  if (api == nullptr) return;
  std::unique_ptr<const TensorFlow> none;
  CHECK(Has(LoadTensorFlow("/nowhere/libtensorflow_cc.so.2", &none).why(), "TensorFlow can't be loaded from /nowhere"));
  CHECK(Has(LoadTensorFlow("libm.so.6", &none).why(), "libm.so.6 has no TF_Version"));
  const json program = json::parse(Text(kTiny + "/program.json"));
  const auto with = [&](const char* pointer, json value) {
    json changed = program;
    changed[json::json_pointer(pointer)] = std::move(value);
    const Folder folder({{"program.json", changed.dump()}});
    return Refusal(folder.path(), api);
  };
  CHECK(with("/rest/outputs/0", "ctr:0").empty());
  CHECK(Has(with("/rest/outputs/0", "ctr:1"), "rest.pb: output \"ctr:1\" is not in the graph"));
  CHECK(Has(with("/rest/outputs/0", "ctr:x"), "must be a name and a number"));
  CHECK(Has(with("/rest/features/2", "feature_3:0"), "rest.pb: input \"feature_3:0\" is not in the graph"));
  CHECK(Has(with("/fold/inputs/1/weight", 0), "fold.pb: input \"weight_bias:0\" has not the shape of weight 0"));
  CHECK(Has(with("/fold/graph", "gone.pb"), "gone.pb can't be read"));
  const Folder broken(std::map<std::string, std::string>{{"rest.pb", "no graph"}});
  CHECK(Has(Refusal(broken.path(), api), "rest.pb is no graph that TensorFlow 2."));
}

}  // namespace
}  // namespace tandem::serving
