#include "dense/shared_columns.h"

#include <algorithm>
#include <cstring>

namespace tandem::serving {

size_t SharedColumns(size_t rows, size_t width, In matrix) {
  constexpr size_t kStep = 16;
  size_t shared = width;
  for (size_t r = 1; r < rows && shared > 0; ++r) {
    const float* row = matrix.data + r * matrix.stride;
    if (std::memcmp(matrix.data, row, shared * sizeof(float)) == 0) continue;
    for (size_t column = 0; column < shared; column += kStep) {
      const size_t floats = std::min(kStep, shared - column);
      if (std::memcmp(matrix.data + column, row + column, floats * sizeof(float)) != 0) shared = column;
    }
  }
  return shared;
}

size_t RowsAlike(size_t rows, size_t columns, In matrix) {
  size_t alike = 1;
  while (alike < rows && std::memcmp(matrix.data, matrix.data + alike * matrix.stride, columns * sizeof(float)) == 0) {
    ++alike;
  }
  return alike;
}

}  // namespace tandem::serving
