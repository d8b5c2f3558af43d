#include "dense/sparse_panels.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "dense/panel_kernel.h"
#include "dense/tests/sample.h"

namespace tandem::serving {
namespace {

using namespace testing;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A layer as PanelKernel packs it.
struct Packed {
  Packed(size_t in, size_t out, bool relu, Numbers* numbers)
      : weights(in * Panels(out) * kColumns), bias(Panels(out) * kColumns) {
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t column = i / (in * kColumns) * kColumns + i % kColumns;
      weights.data()[i] = column < out ? (*numbers)() : 0;
    }
    for (size_t i = 0; i < out; ++i) bias.data()[i] = i % 5 == 0 ? -0.0f : (*numbers)();
    layer = {0, in, out, weights.data(), in * kColumns, bias.data(), relu};
  }

  // The sum of the inputs before `end`: every step, in order.
  float Sum(const float* x, size_t column, size_t end) const {
    float sum = layer.bias[column];
    const float* w = layer.weights + column / kColumns * layer.panel + column % kColumns;
    for (size_t i = 0; i < end; ++i) sum = std::fma(x[i], w[i * kColumns], sum);
    return sum;
  }

  // What a row must give.
  float Plain(const float* x, size_t column) const {
    const float sum = Sum(x, column, layer.in);
    return layer.relu && !(sum > 0) && !std::isnan(sum) ? 0 : sum + 0.0f;
  }

  Floats weights, bias;
  Product layer;
};

TEST(steps_that_add_zero_are_left_out_and_the_bits_are_those_of_all_steps) {
  Numbers numbers(2);
  for (size_t in : {64, 75, 300}) {
    SparseRows sparse(in);
    for (size_t out : {49, 64, 70, 96, 112, 130, 256}) {
      for (bool relu : {false, true}) {
        const Packed packed(in, out, relu, &numbers);
        const auto weights = SparseWeights::Make(packed.layer);
        CHECK(weights != nullptr && weights->bytes() == packed.weights.bytes());
        for (size_t rows : {1, 6, 47, 48, 49, 97}) {
          const size_t stride = in + 5, out_stride = out + 3;
          const std::vector<float> x = SomeZeros(rows * stride, rows * 10, &numbers);
          std::vector<float> y(rows * out_stride, -7);
          sparse.Multiply(packed.layer, *weights, rows, {x.data(), stride}, {y.data(), out_stride});
          for (size_t r = 0; r < rows; ++r) {
            for (size_t j = 0; j < out; ++j) {
              const float plain = packed.Plain(x.data() + r * stride, j);
              CHECK(std::memcmp(&plain, &y[r * out_stride + j], sizeof plain) == 0);
            }
            for (size_t j = out; j < out_stride; ++j) CHECK(y[r * out_stride + j] == -7);
          }
        }
      }
    }
  }
}

TEST(the_inputs_from_one_on_go_on_from_the_sums_of_those_before) {
  Numbers numbers(8);
  const Packed packed(150, 112, true, &numbers);
  const auto weights = SparseWeights::Make(packed.layer);
  const std::vector<float> x = SomeZeros(150, 400, &numbers);
  SparseRows sparse(150);
  for (size_t first : {1, 16, 70, 149}) {
    Product rest = packed.layer;
    Floats start(112);
    for (size_t j = 0; j < 112; ++j) start.data()[j] = packed.Sum(x.data(), j, first);
    rest.first = first;
    rest.in = 150 - first;
    rest.bias = start.data();
    std::vector<float> y(112);
    sparse.Multiply(rest, *weights, 1, {x.data() + first, 150}, {y.data(), 112});
    for (size_t j = 0; j < 112; ++j) CHECK(y[j] == packed.Plain(x.data(), j));
  }
}

TEST(what_is_infinite_or_not_a_number_is_seen_in_its_row) {
  Numbers numbers(3);
  const Packed packed(64, 64, true, &numbers);
  const auto weights = SparseWeights::Make(packed.layer);
  std::vector<float> x = SomeZeros(6 * 64, 300, &numbers), y(6 * 64);
  x[64 + 9] = NAN;
  x[3 * 64 + 9] = kInfinity;
  SparseRows sparse(64);
  sparse.Multiply(packed.layer, *weights, 6, {x.data(), 64}, {y.data(), 64});
  for (size_t r = 0; r < 6; ++r) {
    for (size_t j = 0; j < 64; ++j) {
      const float plain = packed.Plain(x.data() + r * 64, j), got = y[r * 64 + j];
      CHECK(std::isnan(plain) == (r == 1) && std::isnan(got) == (r == 1));
      CHECK(r == 1 || plain == got);
    }
  }
}

TEST(weights_that_zero_would_not_make_zero_are_not_left_out) {
  Numbers numbers(4);
  for (float bad : {kInfinity, -kInfinity, NAN}) {
    const Packed packed(64, 64, false, &numbers);
    const_cast<float*>(packed.layer.weights)[70] = bad;
    CHECK(SparseWeights::Make(packed.layer) == nullptr);
  }
}

TEST(small_layers_gain_nothing) {
  Numbers numbers(5);
  CHECK(SparseWeights::Make(Packed(64, 48, false, &numbers).layer) == nullptr);
  CHECK(SparseWeights::Make(Packed(63, 64, false, &numbers).layer) == nullptr);
  CHECK(SparseWeights::Make(Packed(64, 49, false, &numbers).layer) != nullptr);
}

TEST(it_is_worth_it_where_enough_rows_have_enough_zeros) {
  Numbers numbers(6);
  const struct {
    size_t rows, width, of_thousand;
    bool worth;
  } cases[] = {{6, 256, 500, true}, {5, 256, 500, false}, {100, 256, 500, true}, {100, 256, 700, false},
               {100, 256, 0, true}, {100, 64, 500, true}, {100, 63, 0, false},   {100, 0, 0, false}};
  for (const auto& one : cases) {
    const std::vector<float> x = SomeZeros(one.rows * 256, one.of_thousand, &numbers);
    CHECK(SparseRows::Worth(one.rows, one.width, {x.data(), 256}) == one.worth);
  }
}

// Whatever way a batch goes, by its size and its zeros.
TEST(a_row_has_the_bits_that_it_has_alone) {
  Numbers numbers(7);
  LayerShape shape;
  shape.in = shape.in_stride = 130;
  shape.out = shape.out_stride = 100;
  for (bool rectified : {true, false}) {
    shape.rectified = rectified;
    const auto kernel = NewPanelKernel({shape});
    std::vector<float> weights(shape.in * shape.out), bias(shape.out);
    for (float& x : weights) x = numbers();
    for (float& x : bias) x = -0.0f;
    std::unique_ptr<const PackedLayer> packed;
    CHECK(kernel->Pack(0, weights.data(), bias.data(), &packed).ok());
    for (size_t of_thousand : {0, 2, 400, 1000}) {
      for (size_t rows : {2, 6, 50, 100}) {
        const std::vector<float> x = SomeZeros(rows * shape.in, of_thousand, &numbers);
        std::vector<float> together(rows * shape.out), alone(shape.out);
        const auto run = [&](const float* from, size_t count, float* to) {
          const auto state = kernel->NewState({{{from, shape.in}, {to, shape.out}}});
          CHECK(kernel->Run(0, *packed, state.get(), count).ok());
        };
        run(x.data(), rows, together.data());
        for (size_t r = 0; r < rows; ++r) {
          run(x.data() + r * shape.in, 1, alone.data());
          CHECK(std::memcmp(alone.data(), together.data() + r * shape.out, shape.out * sizeof(float)) == 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tandem::serving
