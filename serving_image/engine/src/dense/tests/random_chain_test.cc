// Chains of random steps in random order: whatever lies in whatever row, every kernel gives what the plain way gives.
#include <algorithm>
#include <cmath>

#include "dense/chain_engine.h"
#include "dense/onednn_kernel.h"
#include "dense/panel_kernel.h"
#include "dense/tests/allocations.h"
#include "dense/tests/sample.h"

namespace tandem::serving {
namespace {

using nlohmann::json;
using namespace testing;

const std::vector<size_t> kSizes = {1, 4, 16};

// Draws a program; what it knows of each value is its reference, rows and width.
class Drawer {
 public:
  explicit Drawer(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 99) {}

  json Program() {
    for (size_t i = 0; i < 2 + Below(3); ++i) {
      widths_.push_back(1 + Below(20));
      values_.push_back({"f:" + std::string(1, static_cast<char>('a' + i)), 1, widths_.back()});
    }
    for (size_t i = 0; i < 3 + Below(10); ++i) Step();
    for (int i = 0; i < 2; ++i) {
      // An answer: one float of each sample.
      const Value last = values_[values_.size() - 1 - Below(std::min<size_t>(values_.size(), 3))];
      Value flat = last;
      if (last.rows > 1)
        flat =
            Made({{"op", "reshape"}, {"in", last.name}, {"width", last.rows * last.width}}, 1, last.rows * last.width);
      Made(Dense(flat.name, flat.width, 1), 1, 1);
      outputs_.push_back(values_.back().name.substr(2));
    }
    return ProgramJson(widths_, slots_, chain_, outputs_);
  }

 private:
  struct Value {
    std::string name;
    size_t rows, width;
  };

  size_t Below(size_t n) {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<size_t>(state_ >> 33) % n;
  }
  const Value& Any() { return values_[Below(values_.size())]; }

  const Value& Made(json step, size_t rows, size_t width) {
    const std::string name = "v:" + std::to_string(chain_.size());
    step["out"] = name;
    chain_.push_back(std::move(step));
    values_.push_back({name, rows, width});
    return values_.back();
  }

  std::string SlotOf(std::vector<size_t> shape) {
    slots_.push_back(std::move(shape));
    return "s:" + std::to_string(slots_.size() - 1);
  }

  json Dense(const std::string& in, size_t width, size_t out) {
    json step = {{"op", "dense"}, {"in", in}, {"kernel", SlotOf({width, out})}};
    if (Below(2) == 0) step["bias"] = SlotOf({out});
    step["activation"] = std::vector<std::string>{"none", "relu", "sigmoid"}[Below(3)];
    return step;
  }

  void Step() {
    const Value a = Any(), b = Any();
    switch (Below(8)) {
      case 0: {
        std::vector<std::string> names;
        size_t width = 0;
        for (size_t i = 0; i < 1 + Below(4); ++i) {
          const Value part = Any();
          if (part.rows != a.rows) continue;
          names.push_back(part.name);
          width += part.width;
        }
        if (!names.empty()) Made({{"op", "concat"}, {"in", names}}, a.rows, width);
        return;
      }
      case 1: {
        const size_t out = 1 + Below(40);
        Made(Dense(a.name, a.width, out), a.rows, out);
        return;
      }
      case 2:
        if (a.rows == b.rows && (a.width == b.width || a.width == 1 || b.width == 1)) {
          Made({{"op", Below(2) == 0 ? "add" : "mul"}, {"in", {a.name, b.name}}}, a.rows, std::max(a.width, b.width));
        }
        return;
      case 3: {
        const size_t width = a.width == 1 ? 1 + Below(9) : Below(2) == 0 ? 1 : a.width;
        json in = {a.name, SlotOf({width})};
        if (Below(2) == 0) std::swap(in[0], in[1]);
        Made({{"op", Below(2) == 0 ? "add" : "mul"}, {"in", in}}, a.rows, std::max(a.width, width));
        return;
      }
      case 4:
        Made({{"op", Below(2) == 0 ? "relu" : "sigmoid"}, {"in", a.name}}, a.rows, a.width);
        return;
      case 5: {
        const size_t begin = Below(a.width), size = 1 + Below(a.width - begin);
        Made({{"op", "slice"}, {"in", a.name}, {"begin", begin}, {"size", size}}, a.rows, size);
        return;
      }
      case 6:
        if (a.rows == b.rows && a.width == b.width) Made({{"op", "dot"}, {"in", {a.name, b.name}}}, a.rows, 1);
        return;
      default: {
        const size_t floats = a.rows * a.width;
        size_t width = 1 + Below(floats);
        while (floats % width != 0) --width;
        Made({{"op", "reshape"}, {"in", a.name}, {"width", width}}, floats / width, width);
      }
    }
  }

  uint64_t state_;
  std::vector<size_t> widths_;
  std::vector<std::vector<size_t>> slots_;
  json chain_ = json::array();
  std::vector<Value> values_;
  std::vector<std::string> outputs_;
};

TEST(random_chains_give_what_the_plain_way_gives) {
  size_t compared = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const json document = Drawer(seed).Program();
    const Program program = Parsed(document);
    const auto slots = RandomSlots(program, seed);
    std::vector<std::unique_ptr<Engine>> engines;
    engines.push_back(NewChainEngine(program, NewPanelKernel(LayersOf(program)), kSizes.back()));
    std::unique_ptr<LayerKernel> kernel;
    CHECK(NewOneDnnKernel(LayersOf(program), kSizes, Precision::kFloat32, &kernel).ok());
    engines.push_back(NewChainEngine(program, std::move(kernel), kSizes.back()));
    for (const auto& engine : engines) {
      std::unique_ptr<const DenseWeights> weights;
      CHECK(engine->Pack(slots, &weights).ok());
      const auto scratch = engine->NewScratch();
      for (size_t batch : {3, 16, 1}) {
        const auto features = RandomFeatures(program, batch, seed + batch);
        const Rows expected = Expected(program, *slots, features);
        Fill(features, scratch->Room(batch));
        std::vector<std::vector<float>> answers(2, std::vector<float>(batch));
        float* outputs[] = {answers[0].data(), answers[1].data()};
        CHECK(engine->Run(*weights, scratch.get(), batch, outputs).ok());
        for (size_t k = 0; k < 2; ++k) {
          for (size_t r = 0; r < batch; ++r) {
            // Sums of large numbers that cancel are as good as their parts.
            if (std::abs(expected[k][r]) > 100) continue;
            ++compared;
            if (std::abs(answers[k][r] - expected[k][r]) <= 1e-4 * std::max(1.0, std::abs(expected[k][r]))) continue;
            throw tandem::testing::Failure(std::string(engine->name()) + ", seed " + std::to_string(seed) + ", batch " +
                                           std::to_string(batch) + ": " + std::to_string(answers[k][r]) + " is not " +
                                           std::to_string(expected[k][r]) + " in " + document["chain"].dump());
          }
        }
      }
    }
  }
  CHECK(compared > 20000);
}

TEST(a_run_of_our_own_kernel_allocates_nothing) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Program program = Parsed(Drawer(seed).Program());
    const auto engine = NewChainEngine(program, NewPanelKernel(LayersOf(program)), 16);
    std::unique_ptr<const DenseWeights> weights;
    CHECK(engine->Pack(RandomSlots(program, seed), &weights).ok());
    const auto scratch = engine->NewScratch();
    float answers[2][16];
    float* outputs[] = {answers[0], answers[1]};
    const size_t before = Allocations();
    CHECK(!CountsAllocations() || before > 0);
    for (size_t batch : {1, 7, 16}) {
      scratch->Room(batch);
      CHECK(engine->Run(*weights, scratch.get(), batch, outputs).ok());
    }
    CHECK(Allocations() == before);
  }
}

}  // namespace
}  // namespace tandem::serving
