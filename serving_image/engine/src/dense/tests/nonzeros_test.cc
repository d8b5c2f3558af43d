#include "dense/nonzeros.h"

#include <cmath>
#include <cstring>

#include "dense/tests/sample.h"

namespace tandem::serving {
namespace {

using namespace testing;

TEST(what_is_not_zero_is_found_in_order_chunk_by_chunk) {
  Numbers numbers(1);
  Nonzeros nonzeros(5, 200);
  for (size_t width : {1, 7, 8, 9, 63, 64, 65, 128, 200}) {
    for (size_t of_thousand : {0, 300, 1000}) {
      const size_t rows = 5, stride = width + 3;
      std::vector<float> matrix = SomeZeros(rows * stride, of_thousand, &numbers);
      matrix[stride] = NAN;
      nonzeros.Take(rows, width, {matrix.data(), stride});
      CHECK(nonzeros.chunks() == (width + Nonzeros::kChunk - 1) / Nonzeros::kChunk);
      for (size_t r = 0; r < rows; ++r) {
        size_t count = 0;
        for (size_t chunk = 0; chunk < nonzeros.chunks(); ++chunk) {
          const Nonzero* one = nonzeros.begin(r, chunk);
          for (size_t i = chunk * Nonzeros::kChunk; i < std::min(width, (chunk + 1) * Nonzeros::kChunk); ++i) {
            const float x = matrix[r * stride + i];
            if (x == 0) continue;
            CHECK(one != nonzeros.end(r, chunk) && one->column == i);
            CHECK(std::memcmp(&one->value, &x, sizeof x) == 0);
            ++one;
            ++count;
          }
          CHECK(one == nonzeros.end(r, chunk));
        }
        CHECK(CountNonzeros(width, matrix.data() + r * stride) == count);
      }
    }
  }
}

}  // namespace
}  // namespace tandem::serving
