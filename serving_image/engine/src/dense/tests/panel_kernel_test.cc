#include "dense/panel_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dense/floats.h"
#include "dense/shared_columns.h"
#include "dense/tests/sample.h"

namespace tandem::serving {
namespace {

using namespace testing;

TEST(shared_columns_are_whole_steps_or_all) {
  const struct {
    size_t rows, width, stride;
    size_t differs_row, differs_column;  // row 0: nothing differs
    size_t shared;
  } cases[] = {
      {1, 40, 40, 0, 0, 40},  {2, 40, 40, 0, 0, 40}, {2, 40, 40, 1, 39, 32}, {2, 40, 40, 1, 32, 32},
      {2, 40, 40, 1, 31, 16}, {2, 40, 40, 1, 0, 0},  {9, 40, 50, 8, 16, 16}, {9, 40, 50, 8, 45, 40},
      {9, 7, 7, 5, 6, 0},     {9, 7, 9, 5, 7, 7},    {3, 16, 16, 2, 15, 0},  {3, 17, 17, 2, 16, 16},
  };
  for (const auto& one : cases) {
    Floats matrix(one.rows * one.stride);
    for (size_t r = 0; r < one.rows; ++r) {
      for (size_t i = 0; i < one.width; ++i) matrix.data()[r * one.stride + i] = static_cast<float>(i) - 3;
    }
    if (one.differs_row > 0) matrix.data()[one.differs_row * one.stride + one.differs_column] += 0.5f;
    CHECK(SharedColumns(one.rows, one.width, {matrix.data(), one.stride}) == one.shared);
  }
}

TEST(rows_are_alike_until_one_begins_otherwise) {
  const float matrix[] = {1, 2, 3, 1, 2, 4, 1, 5, 3, 1, 2, 3};
  CHECK(RowsAlike(4, 1, {matrix, 3}) == 4);
  CHECK(RowsAlike(4, 2, {matrix, 3}) == 2);
  CHECK(RowsAlike(4, 3, {matrix, 3}) == 1);
  CHECK(RowsAlike(1, 3, {matrix, 3}) == 1);
}

TEST(zero_of_another_sign_is_another_column_and_nan_is_the_same) {
  float matrix[] = {0.0f, NAN, -0.0f, NAN};
  CHECK(SharedColumns(2, 2, {matrix, 2}) == 0);
  CHECK(SharedColumns(2, 1, {matrix + 1, 2}) == 1);
}

// Runs one layer on rows of a matrix of its own.
std::vector<float> Run(const LayerKernel& kernel, const PackedLayer& packed, const LayerShape& shape, const float* in,
                       size_t rows) {
  // Guards behind each row: what is not the layer's stays.
  std::vector<float> out(rows * shape.out_stride, -7);
  const auto state = kernel.NewState({{{in, shape.in_stride}, {out.data(), shape.out_stride}}});
  CHECK(kernel.Run(0, packed, state.get(), rows).ok());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = shape.out; i < shape.out_stride; ++i) CHECK(out[r * shape.out_stride + i] == -7);
  }
  return out;
}

// A layer of 75 inputs over rows that begin alike, also where ReLU made them.
void CheckAlike(const LayerShape& shape, uint64_t seed) {
  Numbers numbers(seed);
  const auto kernel = NewPanelKernel({shape});
  std::vector<float> weights(shape.in * shape.out), bias(shape.out);
  for (float& x : weights) x = numbers();
  for (float& x : bias) x = numbers();
  std::unique_ptr<const PackedLayer> packed;
  CHECK(kernel->Pack(0, weights.data(), bias.data(), &packed).ok());
  for (size_t rows : {2, 7, 8, 9, 23, 96, 97, 200}) {
    for (size_t alike : {0, 10, 16, 33, 64, 75}) {
      for (size_t users : {1, 3, 20}) {
        std::vector<float> in = SomeZeros(rows * shape.in_stride, shape.rectified ? 450 : 1000, &numbers);
        // Candidates of one user stand side by side; some users have one only.
        const size_t each = (rows + users - 1) / users;
        for (size_t r = 0; r + 1 < rows; ++r) {
          const float* first = in.data() + r / each * each * shape.in_stride;
          std::copy_n(first, alike, in.data() + r * shape.in_stride);
        }
        const std::vector<float> together = Run(*kernel, *packed, shape, in.data(), rows);
        for (size_t r : {size_t{0}, size_t{1}, rows / 2, rows - 1}) {
          const std::vector<float> alone = Run(*kernel, *packed, shape, in.data() + r * shape.in_stride, 1);
          CHECK(std::memcmp(alone.data(), together.data() + r * shape.out_stride, shape.out * sizeof(float)) == 0);
        }
      }
    }
  }
}

TEST(rows_that_begin_alike_have_the_bits_that_they_have_alone) {
  uint64_t seed = 4;
  for (size_t out : {1, 15, 16, 17, 40, 64, 70, 130}) {
    for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSigmoid}) {
      for (bool rectified : {false, true}) CheckAlike({75, out, 1, 80, out + 3, activation, rectified}, seed++);
    }
  }
}

}  // namespace
}  // namespace tandem::serving
