// Dense layers whose inputs are mostly zero: a row is multiplied by the weights of what is not zero in it alone.
//
// Memory:  weights once more, in groups of up to six panels: input after input, the group's floats side by side.
//          Per thread what is not zero in 48 rows, and the sums of one group.
// Threads: SparseWeights are immutable; a SparseRows belongs to one thread.
//
// A sum takes the same steps in the same order as in panel_kernel.cc but for those that add zero, so it has the same
// bits; that is why a layer with weights that are not finite has no SparseWeights, and why neither leaves a zero's sign
// standing. What a zero saves is one multiplication of sixteen columns and more; what it costs is that weights come
// from memory for each row, where a tile of six rows loads them once. So the weights that 48 rows take turns with are
// as many as the first-level cache holds: 64 inputs of one group.
#pragma once

#include <memory>

#include "dense/floats.h"
#include "dense/nonzeros.h"
#include "dense/panels.h"

namespace tandem::serving {

class SparseWeights {
 public:
  // `layer` with its weights in panels; nullptr where they are not all finite, or a layer is too small to gain.
  static std::unique_ptr<const SparseWeights> Make(const Product& layer);

  const float* group(size_t first_panel) const { return floats_.data() + first_panel * in_ * kColumns; }
  size_t bytes() const { return floats_.bytes(); }

 private:
  explicit SparseWeights(const Product& layer);

  size_t in_;
  Floats floats_;
};

class SparseRows {
 public:
  // For layers of so many inputs at most.
  explicit SparseRows(size_t widest);

  // Whether so many of the inputs are zero that it is worth it, by a look at some of the rows.
  static bool Worth(size_t rows, size_t width, In x);

  // `layer`: what `weights` were made of, or its inputs from one on.
  void Multiply(const Product& layer, const SparseWeights& weights, size_t rows, In x, Out y);

 private:
  void Block(const Product& layer, const SparseWeights& weights, size_t rows, In x, Out y);

  Nonzeros nonzeros_;
  Floats sums_;
};

}  // namespace tandem::serving
