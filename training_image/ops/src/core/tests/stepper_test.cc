#include "core/stepper.h"

#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "core/tests/check.h"
#include "core/xxh64.h"

namespace tandem {
namespace {

constexpr const char* kAll[] = {"sgd",
                                "momentum",
                                "nesterov",
                                "adagrad",
                                "adam",
                                "ftrl",
                                "prox:sgd",
                                "prox:adagrad",
                                "prox:adam",
                                "dual_averaging:adagrad",
                                "dual_averaging:adam",
                                "published:adagrad",
                                "published:adam"};

Optimizer Named(const std::string& name, double l1 = 0, double l2 = 0, double l21 = 0) {
  Optimizer optimizer;
  CHECK(ReadOptimizerKind(name, &optimizer).ok());
  optimizer.initial_accumulator = 0.01;
  optimizer.beta1 = 0.9;
  optimizer.beta2 = 0.99;
  optimizer.epsilon = 1e-6;
  optimizer.momentum = 0.9;
  optimizer.l1 = l1;
  optimizer.l2 = l2;
  optimizer.l21 = l21;
  CHECK(CheckOptimizer(optimizer).ok());
  return optimizer;
}

// Rows with their slots, each at its own t, and steps with random gradients for some or all of them. No libm in what
// goes in, so that the bits that come out may be compared across machines.
class Bench {
 public:
  Bench(const Optimizer& optimizer, int dim, int rows)
      : dim_(dim), stride_(dim * (1 + optimizer.slots())), memory_(rows * stride_), grads_(rows * dim), t_(rows) {
    for (int i = 0; i < rows; ++i) {
      for (int z = 0; z < dim; ++z) Row(i)[z] = Random() * 0.25f;
      InitSlots(optimizer, dim, Row(i) + dim);
      t_[i] = i % 3;
    }
  }

  float* Row(int i) { return memory_.data() + i * stride_; }
  int stride() const { return stride_; }

  // Draws gradients and names the steps of every row but some.
  std::vector<RowStep> Draw(float size) {
    std::vector<RowStep> steps;
    for (size_t i = 0; i < t_.size(); ++i) {
      if (random_() % 8 == 0) continue;
      float* grad = grads_.data() + i * dim_;
      for (int z = 0; z < dim_; ++z) grad[z] = Random() * size;
      steps.push_back({++t_[i], grad, Row(static_cast<int>(i)), Row(static_cast<int>(i)) + dim_});
    }
    return steps;
  }

  bool operator==(const Bench& other) const { return memory_ == other.memory_; }
  uint64_t Digest() const { return Xxh64(reinterpret_cast<const char*>(memory_.data()), memory_.size() * 4); }

 private:
  float Random() { return static_cast<float>(static_cast<int>(random_() >> 8) - (1 << 23)) * 0x1p-23f; }

  int dim_, stride_;
  std::vector<float> memory_, grads_;
  std::vector<int64_t> t_;
  std::mt19937 random_{5};
};

TEST(RowsTakenTogetherAndOneByOneHaveTheSameBits) {
  for (const char* name : kAll) {
    const Optimizer optimizer = Named(name, 1e-3, 1e-3, 2e-2);
    for (int dim : {1, 3, 7, 8, 10, 16, 32, 33, 64}) {
      Bench together(optimizer, dim, 21), apart(optimizer, dim, 21);
      for (int step = 0; step < 12; ++step) {
        const Stepper stepper(optimizer, dim, 0.05f);
        const std::vector<RowStep> all = together.Draw(1);
        stepper.Take(all.data(), all.size());
        for (const RowStep& one : apart.Draw(1)) {
          TakeStep(optimizer, dim, 0.05f, one.t, one.grad, one.row, one.slots);
        }
      }
      CHECK(together == apart);
    }
  }
}

TEST(DimsWithAFunctionOfTheirOwnStepLikeAnyOther) {
  // A row of 16 beside zeros in 24: without a penalty on the group no sum ties them, and one with it only by sqrt(dim).
  for (const char* name : kAll) {
    const Optimizer optimizer = Named(name, 1e-3, 1e-3, 0);
    std::vector<float> whole(16 * (1 + optimizer.slots()), 0.5f), any(24 * (1 + optimizer.slots()), 0.5f), grad(24, 0);
    InitSlots(optimizer, 16, whole.data() + 16);
    InitSlots(optimizer, 24, any.data() + 24);
    for (int t = 1; t < 20; ++t) {
      for (int z = 0; z < 16; ++z) grad[z] = 0.1f * static_cast<float>((z * t) % 7 - 3);
      TakeStep(optimizer, 16, 0.1f, t, grad.data(), whole.data(), whole.data() + 16);
      TakeStep(optimizer, 24, 0.1f, t, grad.data(), any.data(), any.data() + 24);
    }
    for (int slot = 0; slot <= optimizer.slots(); ++slot) {
      for (int z = 0; z < 16; ++z) CHECK(whole[slot * 16 + z] == any[slot * 24 + z]);
    }
  }
}

TEST(WithoutPenaltiesProxIsItsBaseBitForBit) {
  for (const char* base : {"sgd", "adagrad", "adam"}) {
    for (int dim : {5, 16}) {
      const Optimizer plain = Named(base), prox = Named("prox:" + std::string(base));
      Bench left(plain, dim, 9), right(prox, dim, 9);
      for (int step = 0; step < 30; ++step) {
        const std::vector<RowStep> a = left.Draw(1), b = right.Draw(1);
        Stepper(plain, dim, 0.05f).Take(a.data(), a.size());
        Stepper(prox, dim, 0.05f).Take(b.data(), b.size());
      }
      CHECK(left == right);
    }
  }
}

TEST(WithoutPenaltiesDualAveragingIsItsBaseToRounding) {
  for (const char* base : {"adagrad", "adam"}) {
    const Optimizer plain = Named(base), dual = Named("dual_averaging:" + std::string(base));
    Bench left(plain, 16, 9), right(dual, 16, 9);
    for (int step = 0; step < 300; ++step) {
      const float rate = step % 2 == 0 ? 0.05f : 0.01f;  // the pull needs no rate of the step before
      const std::vector<RowStep> a = left.Draw(1), b = right.Draw(1);
      Stepper(plain, 16, rate).Take(a.data(), a.size());
      Stepper(dual, 16, rate).Take(b.data(), b.size());
    }
    for (int i = 0; i < 9; ++i) {
      for (int z = 0; z < 16; ++z) CHECK(std::abs(left.Row(i)[z] - right.Row(i)[z]) < 2e-6f);
    }
  }
}

TEST(AtRateZeroProxLeavesTheRow) {
  const Optimizer prox = Named("prox:adam", 0.1, 0.1, 0.1);
  std::vector<float> row(3 * 5, 0.5f);
  InitSlots(prox, 5, row.data() + 5);
  const std::vector<float> grad(5, 1.0f);
  TakeStep(prox, 5, 0, 1, grad.data(), row.data(), row.data() + 5);
  for (int z = 0; z < 5; ++z) CHECK(row[z] == 0.5f && row[5 + z] != 0);
}

TEST(StrongPenaltiesMakeRowsAndWeightsExactlyZero) {
  for (const char* name : {"prox:sgd", "prox:adagrad", "prox:adam", "dual_averaging:adagrad", "dual_averaging:adam",
                           "published:adagrad", "published:adam"}) {
    const Optimizer group = Named(name, 0, 0, 100), single = Named(name, 100, 0, 0);
    for (const Optimizer& optimizer : {group, single}) {
      Bench bench(optimizer, 10, 8);
      for (int t = 0; t < 3; ++t) {
        const std::vector<RowStep> steps = bench.Draw(1e-3f);
        Stepper(optimizer, 10, 0.5f).Take(steps.data(), steps.size());
        for (const RowStep& step : steps) {
          for (int z = 0; z < 10; ++z) CHECK(step.row[z] == 0 && !std::signbit(step.row[z]));
        }
      }
    }
  }
}

TEST(AWeightThatNeverHadAGradientStaysUnderThePublishedForm) {
  const Optimizer published = Named("published:adam", 0, 0, 1e-4);
  std::vector<float> row = {0.5f, 0.5f, 0, 0, 0, 0, 0, 0}, grad = {1, 0};
  TakeStep(published, 2, 0.1f, 1, grad.data(), row.data(), row.data() + 2);
  CHECK(row[0] < 0.5f && row[0] > 0);
  CHECK(row[1] == 0.5f);
}

TEST(FtrlsPowerIsAPower) {
  for (double power : {0.0, 0.25, 0.3, 0.5, 0.75, 0.9}) {
    Optimizer ftrl = Named("ftrl");
    ftrl.power = power;
    std::vector<float> row = {0.5f, 0, 0};
    InitSlots(ftrl, 1, row.data() + 1);
    const float grad = 1.5f;
    TakeStep(ftrl, 1, 0.1f, 1, &grad, row.data(), row.data() + 1);
    const double d = (std::pow(0.01 + 2.25, power) + 1e-6) / 0.1;
    CHECK(std::abs(row[0] - (0.5 - 1.5 / d)) < 1e-6);
  }
}

// What a step's minimiser must satisfy, in double from the row's state before: Σ ½ A x² − s x + l1 |x| + k ‖x‖.
struct Problem {
  double s, a;
  double size;  // of the terms that s is made of: their rounding stays where they cancel
};

struct Penalties {
  double l1 = 0, k = 0;
};

constexpr double kClose = 4e-6;  // of the terms' sizes

bool Solves(const std::vector<Problem>& row, const Penalties& by, const float* x) {
  double norm = 0, rest = 0, sizes = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    norm += double{x[i]} * x[i];
    sizes += row[i].size;
    rest += std::pow(std::max(std::abs(row[i].s) - by.l1, 0.0), 2);
  }
  norm = std::sqrt(norm);
  rest = std::sqrt(rest);
  if (norm == 0) return rest <= by.k + kClose * (by.k + by.l1 + sizes);
  for (size_t i = 0; i < row.size(); ++i) {
    const double size = row[i].size + by.l1 + by.k;
    const double gradient = row[i].a * x[i] - row[i].s + by.k * x[i] / norm;
    if (x[i] == 0 && std::abs(row[i].s) > by.l1 + kClose * size) return false;
    if (x[i] != 0 && std::abs(gradient + std::copysign(by.l1, x[i])) > kClose * size) return false;
  }
  return true;
}

TEST(EveryStepSatisfiesItsOptimalityConditions) {
  const double rate = 0.05f;
  for (const char* name : {"prox:sgd", "prox:adagrad", "prox:adam", "dual_averaging:adagrad", "dual_averaging:adam"}) {
    const bool prox = name[0] == 'p', adam = std::string(name).find("adam") != std::string::npos;
    const bool sgd = std::string(name).find("sgd") != std::string::npos;
    for (int dim : {1, 6, 16, 21}) {
      for (double l21 : {0.0, 0.003, 0.03, 0.3}) {
        for (double l1 : {0.0, 0.01}) {
          const Optimizer o = Named(name, l1, l1 / 2, l21);
          Bench bench(o, dim, 9);
          for (int turn = 0; turn < 12; ++turn) {
            const std::vector<RowStep> steps = bench.Draw(0.5f);
            std::vector<std::vector<float>> before;
            for (const RowStep& step : steps) before.emplace_back(step.row, step.row + bench.stride());
            Stepper(o, dim, static_cast<float>(rate)).Take(steps.data(), steps.size());
            for (size_t i = 0; i < steps.size(); ++i) {
              const double t = static_cast<double>(steps[i].t), counted = prox ? 1 : t;
              std::vector<Problem> row(dim);
              const float* now = steps[i].slots;
              for (int z = 0; z < dim; ++z) {
                const double x = before[i][z], g = steps[i].grad[z];
                const double m = adam ? now[z] / (1 - std::pow(0.9, t)) : g;
                const double v = adam ? now[dim + z] / (1 - std::pow(0.99, t)) : sgd ? 0 : now[z];
                const double d = (sgd ? 1 : std::sqrt(v) + 1e-6) / rate;
                const double r = prox ? 0 : before[i][(o.slots()) * dim + z];
                row[z] = {d * x - m - r, d + 2 * counted * o.l2, std::abs(d * x) + std::abs(m) + std::abs(r)};
                if (!prox) {
                  const double pull = now[(o.slots() - 1) * dim + z];
                  CHECK(std::abs(pull - (d * steps[i].row[z] - row[z].s)) < kClose * row[z].size);
                }
              }
              CHECK(Solves(row, {counted * l1, counted * std::sqrt(dim) * l21}, steps[i].row));
            }
          }
        }
      }
    }
  }
}

// Digests of rows and slots after 40 steps of 21 rows: any CPU, compiler or way through the code gives these bits.
struct Golden {
  const char* name;
  uint64_t digest;
};

constexpr Golden kGolden[] = {
    {"sgd", 0xd2b1847347a25889u},
    {"momentum", 0xd8c8d9a6a87896bbu},
    {"nesterov", 0xf289eee385cd2e7eu},
    {"adagrad", 0x759ca769846abacbu},
    {"adam", 0x2f126bd741ae986eu},
    {"ftrl", 0x1622cf6ebc1139fau},
    {"prox:sgd", 0x2fefce0149eb8f10u},
    {"prox:adagrad", 0xa43b4a1d13eb7069u},
    {"prox:adam", 0x41b3d8b557eda902u},
    {"dual_averaging:adagrad", 0xdbcc3d45e3197bb3u},
    {"dual_averaging:adam", 0xfc4f51f409d1849du},
    {"published:adagrad", 0x6c40ffcc96af33d0u},
    {"published:adam", 0xe7962781f25773f5u},

};

TEST(GoldenBits) {
  bool same = true;
  for (const Golden& golden : kGolden) {
    const Optimizer optimizer = Named(golden.name, 1e-4, 1e-4, 2e-3);
    uint64_t digest = 0;
    for (int dim : {1, 5, 8, 16, 17, 32, 40, 64}) {
      Bench bench(optimizer, dim, 21);
      for (int step = 0; step < 40; ++step) {
        const std::vector<RowStep> steps =
            bench.Draw(step % 10 == 9 ? 1e-20f : 1);  // some squares are denormal or less
        Stepper(optimizer, dim, step % 2 == 0 ? 0.05f : 0.02f).Take(steps.data(), steps.size());
      }
      digest = digest * 31 + bench.Digest();
    }
    if (digest == golden.digest) continue;
    same = false;
    std::printf("{\"%s\", 0x%016llxu},\n", golden.name, static_cast<unsigned long long>(digest));
  }
  CHECK(same);
}

}  // namespace
}  // namespace tandem
