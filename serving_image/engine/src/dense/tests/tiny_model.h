// The model of tests/tiny: where its files are, random weights for it, and TensorFlow where this build has it.
//
// Memory:  values; TensorFlow is loaded once and stays.
// Threads: one.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "dense/tensorflow_api.h"
#include "dense/tests/sample.h"

namespace tandem::serving::testing {

inline const std::vector<size_t> kWeights = {60, 6, 6, 6, 6, 6};
// What the environment says, since a compiled test is used by other clones too; else what it was compiled with.
inline std::string Told(const char* name, const char* compiled) {
  const char* told = std::getenv(name);
  return told != nullptr ? told : compiled;
}

inline const std::string kTiny = Told("TANDEM_DENSE_TINY", TANDEM_DENSE_TINY);
inline const std::string kTensorFlow = Told("TANDEM_TENSORFLOW", TANDEM_TENSORFLOW);

inline std::string Text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Null where this build has none: under sanitizers, which do not go with RTLD_DEEPBIND, or without the Python package.
inline const TensorFlow* LoadedTensorFlow() {
  static const std::unique_ptr<const TensorFlow> loaded = [] {
    std::unique_ptr<const TensorFlow> made;
    if (kTensorFlow.empty()) {
      std::printf("skipped: this build has no TensorFlow\n");
    } else if (const Status status = LoadTensorFlow(kTensorFlow, &made); !status.ok()) {
      throw tandem::testing::Failure(status.why());
    }
    return made;
  }();
  return loaded.get();
}

// The tiny model's weights; variance from 0.5 to 1.5.
struct Weights {
  explicit Weights(uint64_t seed) {
    Numbers numbers(seed);
    for (size_t count : kWeights) {
      values.emplace_back();
      for (size_t i = 0; i < count; ++i) values.back().push_back(numbers());
    }
    for (float& x : values[3]) x = 1 + x / 2;
    for (const auto& value : values) pointers.push_back(value.data());
  }
  std::vector<std::vector<float>> values;
  std::vector<const float*> pointers;
};

}  // namespace tandem::serving::testing
