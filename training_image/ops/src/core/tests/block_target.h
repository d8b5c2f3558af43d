// What must hold for any bytes given to the block reader; the fuzzer and the mutation test call it.
//
// Memory:  copies the bytes into a buffer of exactly their size, so that a sanitizer sees every read beyond them.
// Threads: any.
//
// Aborts if the reader accepts bytes that it should not: every column must lie inside, and the block written anew from
// what was read must be read as the same, and be the same bytes where tensors and metadata stand in the written order.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "core/block.h"

namespace tandem::testing {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the block reader broke its promise: %s\n", what);
  std::abort();
}

template <typename T>
bool SameBytes(const T* a, const T* b, size_t n) {
  return n == 0 || std::memcmp(a, b, n * sizeof(T)) == 0;
}

inline bool SameColumns(const BlockColumns& a, const BlockColumns& b) {
  return a.rows == b.rows && a.dim == b.dim && a.width == b.width && a.removed_size == b.removed_size &&
         a.admission_size == b.admission_size && SameBytes(a.keys, b.keys, a.rows) &&
         SameBytes(a.values, b.values, a.rows * a.dim) && SameBytes(a.slots, b.slots, a.rows * a.width) &&
         SameBytes(a.steps, b.steps, a.rows) && SameBytes(a.seen, b.seen, a.rows) &&
         SameBytes(a.removed, b.removed, a.removed_size) && SameBytes(a.admission, b.admission, a.admission_size);
}

inline bool SameHead(const BlockHead& a, const BlockHead& b) {
  return a.table == b.table && a.layout == b.layout && a.stream == b.stream && a.number == b.number;
}

// Whether the bytes are a block.
inline bool TryBlock(const uint8_t* bytes, size_t size) {
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[size]);
  if (size != 0) std::memcpy(exact.get(), bytes, size);
  BlockView view;
  const Status status = ReadBlock(exact.get(), size, &view);
  if (!status.ok()) return false;
  const Optimizer optimizer{OptimizerKind::kAdagrad, 0.1, 0, 0, 1e-7};
  // Neither may crash, whatever they say; contents are judged only after the shape, as the loader does.
  const int dim = view.columns.dim > INT32_MAX / 4 ? 1 : static_cast<int>(view.columns.dim);
  if (BelongsTo(view, view.head, dim, optimizer).ok()) (void)CheckContents(view.columns, optimizer);
  const BlockWriter writer(view.head, view.columns);
  std::vector<uint8_t> again(writer.size());
  writer.Write(again.data());
  BlockView twin;
  Require(ReadBlock(again.data(), again.size(), &twin).ok(), "what it accepts can be written and read again");
  Require(SameHead(view.head, twin.head), "the head is the same");
  Require(SameColumns(view.columns, twin.columns), "the columns are the same");
  return true;
}

}  // namespace tandem::testing
