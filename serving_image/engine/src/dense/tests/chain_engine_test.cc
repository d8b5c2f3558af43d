#include "dense/chain_engine.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "dense/onednn_kernel.h"
#include "dense/panel_kernel.h"
#include "dense/tests/sample.h"

namespace tandem::serving {
namespace {

using nlohmann::json;
using namespace testing;

const std::vector<size_t> kSizes = {1, 8, 32};

struct Case {
  const char* name;
  json program;
};

json Layer(const char* in, int kernel, int bias, const char* activation, const char* out) {
  json layer = {
      {"op", "dense"}, {"in", in}, {"kernel", "s:" + std::to_string(kernel)}, {"activation", activation}, {"out", out}};
  if (bias >= 0) layer["bias"] = "s:" + std::to_string(bias);
  return layer;
}

std::vector<Case> Cases() {
  const json concat = {{"op", "concat"}, {"in", {"f:a", "f:b", "f:c"}}, {"out", "v:x"}};
  return {
      {"two layers and two heads",
       ProgramJson({13, 16, 40}, {{69, 48}, {48}, {48, 19}, {19}, {19, 1}, {1}, {19, 1}},
                   {concat, Layer("v:x", 0, 1, "relu", "v:h"), Layer("v:h", 2, 3, "relu", "v:g"),
                    Layer("v:g", 4, 5, "sigmoid", "v:ctr"), Layer("v:g", 6, -1, "none", "v:cvr")},
                   {"ctr", "cvr"})},
      {"cross layer: x0 (x w) + x, by values and slots",
       ProgramJson({5, 3, 2}, {{10, 1}, {10}, {10, 1}, {1}},
                   {concat,
                    Layer("v:x", 0, -1, "none", "v:p"),
                    {{"op", "mul"}, {"in", {"v:p", "v:x"}}, {"out", "v:xp"}},
                    {{"op", "add"}, {"in", {"v:xp", "v:x"}}, {"out", "v:y"}},
                    {{"op", "add"}, {"in", {"s:1", "v:y"}}, {"out", "v:z"}},
                    {{"op", "mul"}, {"in", {"v:z", "s:3"}}, {"out", "v:q"}},
                    {{"op", "relu"}, {"in", "v:q"}, {"out", "v:r"}},
                    Layer("v:r", 2, -1, "none", "v:s"),
                    {{"op", "sigmoid"}, {"in", "v:s"}, {"out", "v:out"}}},
                   {"out"})},
      {"towers that meet in a dot, joined with what they come from",
       ProgramJson({12, 7, 4}, {{12, 9}, {7, 9}, {28, 1}},
                   {Layer("f:a", 0, -1, "relu", "v:u"),
                    Layer("f:b", 1, -1, "sigmoid", "v:i"),
                    {{"op", "dot"}, {"in", {"v:u", "v:i"}}, {"out", "v:d"}},
                    {{"op", "slice"}, {"in", "v:u"}, {"begin", 2}, {"size", 5}, {"out", "v:s"}},
                    {{"op", "concat"}, {"in", {"v:u", "v:i", "f:c"}}, {"out", "v:j"}},
                    {{"op", "concat"}, {"in", {"v:j", "v:s", "v:d"}}, {"out", "v:k"}},
                    Layer("v:k", 2, -1, "none", "v:out")},
                   {"out", "v:d"})},
      {"a sequence of five, joined with another, and one inside a wider row",
       ProgramJson({15, 10, 4}, {{5, 6}, {6}, {30, 7}, {7}, {17, 1}, {4}},
                   {{{"op", "reshape"}, {"in", "f:a"}, {"width", 3}, {"out", "v:a"}},
                    {{"op", "reshape"}, {"in", "f:b"}, {"width", 2}, {"out", "v:b"}},
                    {{"op", "concat"}, {"in", {"v:a", "v:b"}}, {"out", "v:ab"}},
                    Layer("v:ab", 0, 1, "relu", "v:h"),
                    {{"op", "reshape"}, {"in", "v:h"}, {"width", 30}, {"out", "v:flat"}},
                    Layer("v:flat", 2, 3, "sigmoid", "v:g"),
                    {{"op", "concat"}, {"in", {"v:g", "f:b"}}, {"out", "v:k"}},
                    Layer("v:k", 4, -1, "none", "v:y"),
                    {{"op", "mul"}, {"in", {"v:y", "s:5"}}, {"out", "v:w"}},
                    {{"op", "slice"}, {"in", "v:w"}, {"begin", 3}, {"size", 1}, {"out", "v:z"}}},
                   {"y", "z"})},
      {"one feature twice in a concat, and in another",
       ProgramJson({3}, {{6, 17}, {20, 1}},
                   {{{"op", "concat"}, {"in", {"f:a", "f:a"}}, {"out", "v:aa"}},
                    Layer("v:aa", 0, -1, "relu", "v:h"),
                    {{"op", "concat"}, {"in", {"v:h", "f:a"}}, {"out", "v:ha"}},
                    Layer("v:ha", 1, -1, "none", "v:out")},
                   {"out"})},
  };
}

// Every kernel that this CPU has, for this program.
std::vector<std::unique_ptr<Engine>> Engines(const Program& program) {
  std::vector<std::unique_ptr<Engine>> engines;
  engines.push_back(NewChainEngine(program, NewPanelKernel(LayersOf(program)), kSizes.back()));
  std::unique_ptr<LayerKernel> kernel;
  const Status status = NewOneDnnKernel(LayersOf(program), kSizes, Precision::kFloat32, &kernel);
  if (!status.ok()) throw tandem::testing::Failure(status.why());
  engines.push_back(NewChainEngine(program, std::move(kernel), kSizes.back()));
  return engines;
}

Rows Answers(const Engine& engine, const Program& program, const DenseWeights& weights, DenseScratch* scratch,
             const std::vector<Rows>& features) {
  const size_t rows = features[0].size();
  Fill(features, scratch->Room(rows));
  std::vector<std::vector<float>> outputs(program.outputs.size(), std::vector<float>(rows));
  std::vector<float*> to;
  for (auto& output : outputs) to.push_back(output.data());
  const Status status = engine.Run(weights, scratch, rows, to.data());
  if (!status.ok()) throw tandem::testing::Failure(status.why());
  Rows answers;
  for (const auto& output : outputs) answers.emplace_back(output.begin(), output.end());
  return answers;
}

std::unique_ptr<const DenseWeights> Packed(const Engine& engine, const std::shared_ptr<const Slots>& slots) {
  std::unique_ptr<const DenseWeights> weights;
  const Status status = engine.Pack(slots, &weights);
  if (!status.ok()) throw tandem::testing::Failure(status.why());
  return weights;
}

TEST(every_kernel_gives_what_the_plain_way_gives) {
  for (const Case& one : Cases()) {
    const Program program = Parsed(one.program);
    const auto slots = RandomSlots(program, 7);
    for (const auto& engine : Engines(program)) {
      const auto weights = Packed(*engine, slots);
      const auto scratch = engine->NewScratch();
      for (size_t batch = 1; batch <= kSizes.back(); ++batch) {
        const auto features = RandomFeatures(program, batch, batch);
        const Rows expected = Expected(program, *slots, features);
        const Rows answers = Answers(*engine, program, *weights, scratch.get(), features);
        for (size_t k = 0; k < expected.size(); ++k) {
          for (size_t r = 0; r < batch; ++r) {
            if (Close(answers[k][r], expected[k][r])) continue;
            throw tandem::testing::Failure(std::string(one.name) + ", " + engine->name() + ", batch " +
                                           std::to_string(batch) + ", output " + std::to_string(k) + ", row " +
                                           std::to_string(r) + ": " + std::to_string(answers[k][r]) + " is not " +
                                           std::to_string(expected[k][r]));
          }
        }
      }
    }
  }
}

TEST(layers_know_whether_relu_made_all_of_their_input) {
  const Program program =
      Parsed(ProgramJson({4}, {{4, 6}, {6, 3}, {9, 2}, {2, 1}},
                         {Layer("f:a", 0, -1, "relu", "v:h"),
                          {{"op", "slice"}, {"in", "v:h"}, {"begin", 1}, {"size", 2}, {"out", "v:s"}},
                          {{"op", "relu"}, {"in", "f:a"}, {"out", "v:r"}},
                          {{"op", "concat"}, {"in", {"v:s", "v:r"}}, {"out", "v:c"}},
                          Layer("v:c", 1, -1, "none", "v:x"),
                          {{"op", "concat"}, {"in", {"v:h", "v:x"}}, {"out", "v:hx"}},
                          Layer("v:hx", 2, -1, "sigmoid", "v:y"),
                          Layer("v:y", 3, -1, "none", "v:z")},
                         {"z"}));
  std::vector<bool> rectified;
  for (const LayerShape& layer : LayersOf(program)) rectified.push_back(layer.rectified);
  CHECK((rectified == std::vector<bool>{false, true, false, false}));
}

TEST(features_are_written_right_into_the_first_layers_input) {
  const Program program = Parsed(Cases()[0].program);
  const auto scratch = Engines(program)[0]->NewScratch();
  const FeatureRoom* rooms = scratch->Room(3);
  CHECK(rooms[0].stride == 69 && rooms[1].stride == 69 && rooms[2].stride == 69);
  CHECK(rooms[1].data == rooms[0].data + 13 && rooms[2].data == rooms[1].data + 16);
  CHECK(rooms[2].width == 40);
}

TEST(a_row_has_the_same_bits_in_any_company) {
  const Program program = Parsed(Cases()[0].program);
  const auto engine = NewChainEngine(program, NewPanelKernel(LayersOf(program)), 200);
  const auto weights = Packed(*engine, RandomSlots(program, 3));
  const auto scratch = engine->NewScratch();
  const auto all = RandomFeatures(program, 200, 5);
  const Rows together = Answers(*engine, program, *weights, scratch.get(), all);
  for (size_t batch : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 96, 97, 199}) {
    for (size_t first : {size_t{0}, size_t{200} - batch}) {
      std::vector<Rows> some;
      for (const Rows& feature : all) {
        some.emplace_back(feature.begin() + static_cast<long>(first),
                          feature.begin() + static_cast<long>(first + batch));
      }
      const Rows answers = Answers(*engine, program, *weights, scratch.get(), some);
      for (size_t k = 0; k < answers.size(); ++k) {
        for (size_t r = 0; r < batch; ++r) CHECK(answers[k][r] == together[k][first + r]);
      }
    }
  }
}

TEST(nan_in_a_feature_is_seen_in_its_row_and_in_no_other) {
  const Program program = Parsed(Cases()[0].program);
  const auto engine = NewChainEngine(program, NewPanelKernel(LayersOf(program)), 32);
  const auto weights = Packed(*engine, RandomSlots(program, 3));
  const auto scratch = engine->NewScratch();
  auto features = RandomFeatures(program, 20, 5);
  const Rows good = Answers(*engine, program, *weights, scratch.get(), features);
  features[1][11][4] = std::numeric_limits<double>::quiet_NaN();
  const Rows answers = Answers(*engine, program, *weights, scratch.get(), features);
  for (size_t k = 0; k < answers.size(); ++k) {
    for (size_t r = 0; r < 20; ++r) CHECK(r == 11 ? std::isnan(answers[k][r]) : answers[k][r] == good[k][r]);
  }
}

TEST(denormal_numbers_count_as_zero_and_only_inside) {
  const Program program = Parsed(ProgramJson(
      {1}, {{1, 1}}, {{{"op", "mul"}, {"in", {"f:a", "f:a"}}, {"out", "v:s"}}, Layer("v:s", 0, -1, "none", "v:y")},
      {"y"}));
  auto slots = std::make_shared<Slots>();
  slots->emplace_back(1);
  (*slots)[0].data()[0] = 1e30f;
  for (const auto& engine : Engines(program)) {
    const auto weights = Packed(*engine, slots);
    const auto scratch = engine->NewScratch();
    const std::vector<Rows> features = {{{1e-20f}, {1e-15f}}};
    const Rows answers = Answers(*engine, program, *weights, scratch.get(), features);
    CHECK(answers[0][0] == 0 && Close(answers[0][1], 1));
    volatile float small = 1e-20f;
    CHECK(small * small > 0);
  }
}

TEST(threads_share_one_packed_version) {
  for (const Case& one : Cases()) {
    const Program program = Parsed(one.program);
    for (const auto& engine : Engines(program)) {
      const auto weights = Packed(*engine, RandomSlots(program, 11));
      const auto features = RandomFeatures(program, 8, 9);
      const auto own = engine->NewScratch();
      const Rows expected = Answers(*engine, program, *weights, own.get(), features);
      std::atomic<int> wrong{0};
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
          const auto scratch = engine->NewScratch();
          for (int i = 0; i < 20; ++i) {
            if (t == 0) Packed(*engine, RandomSlots(program, 12));  // as a builder does beside
            if (Answers(*engine, program, *weights, scratch.get(), features) != expected) ++wrong;
          }
        });
      }
      for (auto& thread : threads) thread.join();
      CHECK(wrong == 0);
    }
  }
}

TEST(bfloat16_is_close_or_refused_with_the_reason) {
  const Program program = Parsed(Cases()[0].program);
  std::unique_ptr<LayerKernel> kernel;
  const Status status = NewOneDnnKernel(LayersOf(program), kSizes, Precision::kBfloat16, &kernel);
  if (!__builtin_cpu_supports("avx512bw")) {
    CHECK(!status.ok() && status.why().rfind("oneDNN has no bfloat16 product for this CPU", 0) == 0);
    return;
  }
  CHECK(status.ok());
  const auto engine = NewChainEngine(program, std::move(kernel), kSizes.back());
  const auto slots = RandomSlots(program, 7);
  const auto weights = Packed(*engine, slots);
  const auto scratch = engine->NewScratch();
  for (size_t batch : {1, 8, 20, 32}) {
    const auto features = RandomFeatures(program, batch, batch);
    const Rows expected = Expected(program, *slots, features);
    const Rows answers = Answers(*engine, program, *weights, scratch.get(), features);
    for (size_t k = 0; k < expected.size(); ++k) {
      for (size_t r = 0; r < batch; ++r) CHECK(std::abs(answers[k][r] - expected[k][r]) < 0.03);
    }
  }
}

}  // namespace
}  // namespace tandem::serving
