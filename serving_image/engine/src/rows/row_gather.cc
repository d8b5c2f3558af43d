// Lookups of many rows: while one group of ids is copied, the index lines of the next are on their way.
#include <algorithm>
#include <cstring>

#include "rows/row_table.h"

namespace tandem::serving {
namespace {

constexpr size_t kGroup = 32;

// Copies of a length that the compiler knows are a few moves; memcpy's call costs as much as a short row.
template <size_t kDim>
void CopyRows(const float* const* rows, size_t n, size_t, float* out, size_t stride) {
  for (size_t i = 0; i < n; ++i) std::memcpy(out + i * stride, rows[i], kDim * sizeof(float));
}

void CopyAnyRows(const float* const* rows, size_t n, size_t dim, float* out, size_t stride) {
  for (size_t i = 0; i < n; ++i) std::memcpy(out + i * stride, rows[i], dim * sizeof(float));
}

using Copy = void (*)(const float* const*, size_t, size_t, float*, size_t);

Copy CopyFor(size_t dim) {
  switch (dim) {
    case 4:
      return CopyRows<4>;
    case 8:
      return CopyRows<8>;
    case 16:
      return CopyRows<16>;
    case 32:
      return CopyRows<32>;
    case 64:
      return CopyRows<64>;
    default:
      return CopyAnyRows;
  }
}

void PrefetchRow(const float* row, size_t dim) {
  constexpr size_t kFloatsOfLine = 16, kMostLines = 8;
  for (size_t at = 0; at < std::min(dim, kMostLines * kFloatsOfLine); at += kFloatsOfLine) __builtin_prefetch(row + at);
}

}  // namespace

// use(rows, start, n) for the rows of n ids from `start` on, on their way into the cache.
template <typename Use>
void RowTable::ForGroups(View view, const int64_t* ids, size_t n, const Use& use) const {
  uint64_t hashes[2][kGroup];
  const float* rows[kGroup];
  for (size_t i = 0; i < std::min(n, kGroup); ++i) hashes[0][i] = index_.Prefetch(ids[i]);
  for (size_t start = 0, turn = 0; start < n; start += kGroup, turn ^= 1) {
    const size_t now = std::min(n - start, kGroup), next = std::min(n - start - now, kGroup);
    for (size_t i = 0; i < next; ++i) hashes[turn ^ 1][i] = index_.Prefetch(ids[start + now + i]);
    for (size_t i = 0; i < now; ++i) {
      const std::atomic<NodeWord>* entry = index_.Find(ids[start + i], hashes[turn][i]);
      NodeWord word = kNoNode;
      if (entry != nullptr) word = Visible(entry->load(std::memory_order_seq_cst), view);
      rows[i] = memory_.row(IsRemoved(word) ? 0 : SlotOf(word));
      PrefetchRow(rows[i], dim());
    }
    use(rows, start, now);
  }
}

void RowTable::Gather(View view, const int64_t* ids, size_t n, float* out, size_t stride) const {
  const Copy copy = CopyFor(dim());
  ForGroups(view, ids, n, [&](const float* const* rows, size_t start, size_t now) {
    copy(rows, now, dim(), out + start * stride, stride);
  });
}

void RowTable::Locate(View view, const int64_t* ids, size_t n, const float** out) const {
  ForGroups(view, ids, n,
            [&](const float* const* rows, size_t start, size_t now) { std::copy(rows, rows + now, out + start); });
}

}  // namespace tandem::serving
