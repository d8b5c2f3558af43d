// The steps of a chain that are no matrix product, on matrices whose rows may lie anywhere.
//
// Memory:  row r of a matrix starts at data + r * stride. Out may be an input itself, but not overlap it otherwise.
// Threads: pure functions over memory of the caller.
//
// NaN stays NaN through all of them, so that a bad weight is seen in the answer.
#pragma once

#include <cstddef>

namespace tandem::serving {

struct In {
  const float* data = nullptr;
  size_t stride = 0;
};

struct Out {
  float* data = nullptr;
  size_t stride = 0;
};

// The second operand: stride 0 repeats one row for all, `wide` false repeats one float for a whole row.
struct Operand {
  const float* data = nullptr;
  size_t stride = 0;
  bool wide = true;
};

void CopyRows(size_t rows, size_t width, In in, Out out);
void AddRows(size_t rows, size_t width, In a, Operand b, Out out);
void MulRows(size_t rows, size_t width, In a, Operand b, Out out);
void ReluRows(size_t rows, size_t width, In in, Out out);
void SigmoidRows(size_t rows, size_t width, In in, Out out);
// One float per row.
void DotRows(size_t rows, size_t width, In a, In b, Out out);

}  // namespace tandem::serving
