// How a row's values begin: a function of (initializer, seed, key) alone.
//
// Memory:  writes `dim` floats to a row that the caller owns; holds nothing.
// Threads: pure; any thread, any order, any machine gives the same bits.
//
// Zeros: all 0. Uniform(scale): the midpoints of 2^24 equal cells of (-scale, scale), so symmetric and never outside.
// TruncatedNormal(stddev): a normal of that standard deviation, conditioned on |x| <= 2 stddev (so its own deviation is
// 0.880 stddev), as TensorFlow defines it; drawn by rejection with an exponential that is made of additions and
// multiplications only, because libm's differs between machines.
#pragma once

#include <cstdint>

namespace tandem {

enum class InitializerKind { kZeros, kUniform, kTruncatedNormal };

struct Initializer {
  InitializerKind kind = InitializerKind::kZeros;
  float scale = 0;  // half width of Uniform, standard deviation of TruncatedNormal
};

void InitRow(const Initializer& init, uint64_t seed, int64_t key, int dim, float* row);

}  // namespace tandem
