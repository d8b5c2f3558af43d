#include "core/initializer.h"

#include "core/random.h"

namespace tandem {
namespace {

float Uniform(KeyedStream& stream, float scale) {
  const auto cell = static_cast<int32_t>(stream.Next() >> 40);  // 0 .. 2^24 - 1
  return static_cast<float>(2 * cell + 1 - (1 << 24)) * 0x1p-24f * scale;
}

// e^-t for 0 <= t <= 2 to 1e-13: the series at t/16, then four squarings.
double ExpMinus(double t) {
  const double x = -t / 16;
  double sum = 1;
  for (int n = 9; n >= 1; --n) sum = 1 + sum * x / n;
  for (int i = 0; i < 4; ++i) sum *= sum;
  return sum;
}

// A standard normal conditioned on |x| <= 2: uniform candidates, kept with their relative density.
double TruncatedNormal(KeyedStream& stream) {
  for (;;) {
    const double x = 4 * stream.NextUnit() - 2;
    if (stream.NextUnit() < ExpMinus(x * x / 2)) return x;
  }
}

}  // namespace

void InitRow(const Initializer& init, uint64_t seed, int64_t key, int dim, float* row) {
  KeyedStream stream(seed, key);
  for (int i = 0; i < dim; ++i) {
    switch (init.kind) {
      case InitializerKind::kZeros:
        row[i] = 0;
        break;
      case InitializerKind::kUniform:
        row[i] = Uniform(stream, init.scale);
        break;
      case InitializerKind::kTruncatedNormal:
        row[i] = static_cast<float>(TruncatedNormal(stream)) * init.scale;
        break;
    }
  }
}

}  // namespace tandem
