// Programs and numbers for the tests of the dense part, and what a chain must give, computed the plain way in double.
//
// Memory:  values.
// Threads: pure functions.
#pragma once

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/tests/check.h"
#include "dense/floats.h"
#include "dense/program.h"
#include "versions/dense.h"

namespace tandem::serving::testing {

// -1 to 1, the same for the same seed.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 1) {}
  float operator()() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<float>(static_cast<int32_t>(state_ >> 32)) / 2147483648.0f;
  }

 private:
  uint64_t state_;
};

// So many of a thousand are numbers, the others zeros of either sign.
inline std::vector<float> SomeZeros(size_t count, size_t of_thousand, Numbers* numbers) {
  std::vector<float> made(count);
  for (float& x : made) {
    const bool zero = std::abs((*numbers)()) * 1000 >= static_cast<float>(of_thousand);
    x = zero ? std::copysign(0.0f, (*numbers)()) : (*numbers)();
  }
  return made;
}

inline nlohmann::json SlotJson(const std::string& name, std::vector<size_t> shape, size_t weight) {
  return {{"name", name}, {"shape", shape}, {"weight", weight}};
}

// A program whose slots are the weights as they are, without fold, with a rest graph of the names that tiny.py gives.
inline nlohmann::json ProgramJson(const std::vector<size_t>& widths, const std::vector<std::vector<size_t>>& slots,
                                  nlohmann::json chain, const std::vector<std::string>& outputs) {
  nlohmann::json program = {{"format", "tandem.program/1"},
                            {"fold", nullptr},
                            {"outputs", outputs},
                            {"chain", std::move(chain)},
                            {"features", nlohmann::json::array()},
                            {"slots", nlohmann::json::array()},
                            {"rest",
                             {{"graph", "rest.pb"},
                              {"features", nlohmann::json::array()},
                              {"slots", nlohmann::json::array()},
                              {"outputs", nlohmann::json::array()}}}};
  for (size_t i = 0; i < widths.size(); ++i) {
    program["features"].push_back({{"name", std::string(1, static_cast<char>('a' + i))}, {"width", widths[i]}});
    program["rest"]["features"].push_back("feature_" + std::to_string(i) + ":0");
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    program["slots"].push_back(SlotJson("w" + std::to_string(i), slots[i], i));
    program["rest"]["slots"].push_back("slot_" + std::to_string(i) + ":0");
  }
  for (const std::string& output : outputs) program["rest"]["outputs"].push_back(output + ":0");
  return program;
}

inline std::vector<size_t> Counts(const nlohmann::json& program) {
  std::vector<size_t> counts;
  for (const auto& slot : program["slots"]) {
    size_t floats = 1;
    for (const auto& size : slot["shape"]) floats *= size.get<size_t>();
    counts.push_back(floats);
  }
  return counts;
}

inline Program Parsed(const nlohmann::json& json) {
  Program program;
  const Status status = ParseProgram(json.dump(), Counts(json), &program);
  if (!status.ok()) throw tandem::testing::Failure(status.why());
  return program;
}

inline std::shared_ptr<const Slots> RandomSlots(const Program& program, uint64_t seed) {
  Numbers numbers(seed);
  auto slots = std::make_shared<Slots>();
  for (const Slot& slot : program.slots) {
    slots->emplace_back(slot.floats());
    const double scale = 1.5 / std::sqrt(static_cast<double>(slot.shape.empty() ? 1 : slot.shape[0]));
    for (size_t i = 0; i < slot.floats(); ++i) slots->back().data()[i] = numbers() * static_cast<float>(scale);
  }
  return slots;
}

using Rows = std::vector<std::vector<double>>;  // [row][column]

inline Rows RandomRows(size_t rows, size_t width, uint64_t seed) {
  Numbers numbers(seed);
  Rows made(rows, std::vector<double>(width));
  for (auto& row : made) {
    for (double& x : row) x = numbers();
  }
  return made;
}

// The outputs of the chain, [output][row].
inline Rows Expected(const Program& program, const Slots& slots, const std::vector<Rows>& features) {
  const size_t rows = features[0].size();
  std::vector<Rows> values = features;
  const auto activate = [](double x, Activation how) {
    return how == Activation::kRelu ? std::max(0.0, x) : how == Activation::kSigmoid ? 1 / (1 + std::exp(-x)) : x;
  };
  for (const Step& step : program.chain) {
    Rows made(rows * step.rows, std::vector<double>(step.width));
    for (size_t r = 0; r < made.size(); ++r) {
      if (step.kind == StepKind::kReshape) {
        for (size_t i = 0; i < step.width; ++i) {
          const size_t at = r * step.width + i, width = program.width(step.in[0]);
          made[r][i] = values[step.in[0]][at / width][at % width];
        }
        continue;
      }
      const std::vector<double>& x = values[step.in[0]][r];
      const auto second = [&](size_t i) -> double {
        if (step.slot != kNone) return slots[step.slot].data()[slots[step.slot].size() == 1 ? 0 : i];
        const std::vector<double>& y = values[step.in[1]][r];
        return y.size() == 1 ? y[0] : y[i];
      };
      size_t column = 0;
      switch (step.kind) {
        case StepKind::kConcat:
          for (size_t value : step.in) {
            for (double part : values[value][r]) made[r][column++] = part;
          }
          break;
        case StepKind::kDense:
          for (size_t j = 0; j < step.width; ++j) {
            double sum = step.bias == kNone ? 0 : slots[step.bias].data()[j];
            for (size_t i = 0; i < x.size(); ++i) sum += x[i] * slots[step.slot].data()[i * step.width + j];
            made[r][j] = activate(sum, step.activation);
          }
          break;
        case StepKind::kDot:
          for (size_t i = 0; i < x.size(); ++i) made[r][0] += x[i] * values[step.in[1]][r][i];
          break;
        case StepKind::kAdd:
          for (size_t i = 0; i < step.width; ++i) made[r][i] = x[x.size() == 1 ? 0 : i] + second(i);
          break;
        case StepKind::kMul:
          for (size_t i = 0; i < step.width; ++i) made[r][i] = x[x.size() == 1 ? 0 : i] * second(i);
          break;
        case StepKind::kRelu:
          for (size_t i = 0; i < step.width; ++i) made[r][i] = activate(x[i], Activation::kRelu);
          break;
        case StepKind::kSigmoid:
          for (size_t i = 0; i < step.width; ++i) made[r][i] = activate(x[i], Activation::kSigmoid);
          break;
        case StepKind::kReshape:
          break;
        case StepKind::kSlice:
          for (size_t i = 0; i < step.width; ++i) made[r][i] = x[step.begin + i];
          break;
      }
    }
    values.push_back(std::move(made));
  }
  Rows outputs;
  for (size_t value : program.chain_outputs) {
    outputs.emplace_back();
    for (size_t r = 0; r < rows; ++r) outputs.back().push_back(values[value][r][0]);
  }
  return outputs;
}

// As the caller of an engine writes them.
inline void Fill(const std::vector<Rows>& features, const FeatureRoom* rooms) {
  for (size_t f = 0; f < features.size(); ++f) {
    for (size_t r = 0; r < features[f].size(); ++r) {
      for (size_t i = 0; i < features[f][r].size(); ++i) {
        rooms[f].data[r * rooms[f].stride + i] = static_cast<float>(features[f][r][i]);
      }
    }
  }
}

inline std::vector<Rows> RandomFeatures(const Program& program, size_t rows, uint64_t seed) {
  std::vector<Rows> features;
  for (const Feature& feature : program.features) {
    features.push_back(RandomRows(rows, feature.width, seed * 31 + features.size()));
  }
  // As floats hold them.
  for (auto& feature : features) {
    for (auto& row : feature) {
      for (double& x : row) x = static_cast<float>(x);
    }
  }
  return features;
}

inline bool Close(double a, double b) { return std::abs(a - b) <= 1e-5 * std::max(1.0, std::abs(b)); }

}  // namespace tandem::serving::testing
