// What is not zero in rows of a matrix, as ReLU leaves them: about half of it, in trained models often less.
//
// Memory:  eight bytes per float of as many rows as it was made for, in the worst case.
// Threads: of one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dense/arithmetic.h"

namespace tandem::serving {

struct Nonzero {
  float value;
  uint32_t column;
};

// The columns are cut into chunks of kChunk; NaN is not zero, and zero of either sign is.
class Nonzeros {
 public:
  static constexpr size_t kChunk = 64;

  Nonzeros(size_t rows, size_t width);

  // `rows` and `width` as it was made for, or fewer.
  void Take(size_t rows, size_t width, In matrix);

  size_t chunks() const { return chunks_; }
  const Nonzero* begin(size_t row, size_t chunk) const { return found_.data() + ends_[row * chunks_ + chunk]; }
  const Nonzero* end(size_t row, size_t chunk) const { return begin(row, chunk + 1); }

 private:
  size_t chunks_ = 0;
  std::vector<Nonzero> found_;  // row by row, and room for what a store of eight writes too much
  std::vector<uint32_t> ends_;  // where a chunk of a row ends in `found_` and the next begins
};

// How many floats of a row are not zero.
size_t CountNonzeros(size_t width, const float* row);

}  // namespace tandem::serving
