#include "dense/sparse_panels.h"

#include <immintrin.h>

#include <algorithm>

#include "core/finite.h"

namespace tandem::serving {
namespace {

constexpr size_t kGroup = 6;        // panels: twelve sums, and one input, in sixteen registers
constexpr size_t kBlockRows = 48;   // whose sums of a group stay in the first-level cache, nearly
constexpr size_t kLeastRows = 6;    // below, weights are read from farther away for each row
constexpr size_t kLooks = 4;        // rows that are looked at
constexpr size_t kLeastPanels = 4;  // eight sums: fewer wait for each other
constexpr size_t kLeastInputs = 64;

// Groups of nearly one size, none larger than kGroup.
size_t Groups(size_t panels) { return (panels + kGroup - 1) / kGroup; }
size_t GroupSize(size_t panels, size_t group) {
  const size_t groups = Groups(panels);
  return panels / groups + (group < panels % groups ? 1 : 0);
}

struct GroupWork {
  const float* weights;
  const float* bias;
  const Nonzeros* nonzeros;
  float* sums;     // row after row, the group's columns, between chunks
  Out y;           // from the group's first column on
  size_t columns;  // of the group that y has
  bool relu;
};

// The sums of one row, in registers.
template <size_t kPanels>
struct Sums {
  static constexpr size_t kVectors = 2 * kPanels;
  __m256 of[kVectors];

  __attribute__((always_inline)) explicit Sums(const float* from) {
#pragma GCC unroll 12
    for (size_t v = 0; v < kVectors; ++v) of[v] = _mm256_load_ps(from + v * 8);
  }

  __attribute__((always_inline)) void Add(const Nonzero* begin, const Nonzero* end, const float* weights) {
    for (const Nonzero* one = begin; one != end; ++one) {
      const __m256 input = _mm256_broadcast_ss(&one->value);
      const float* row = weights + one->column * (kPanels * kColumns);
#pragma GCC unroll 12
      for (size_t v = 0; v < kVectors; ++v) of[v] = _mm256_fmadd_ps(input, _mm256_load_ps(row + v * 8), of[v]);
    }
  }

  __attribute__((always_inline)) void Store(float* to) const {
#pragma GCC unroll 12
    for (size_t v = 0; v < kVectors; ++v) _mm256_storeu_ps(to + v * 8, of[v]);
  }

  // As a tile of panel_kernel.cc ends.
  __attribute__((always_inline)) void Finish(__m256 least) {
#pragma GCC unroll 12
    for (size_t v = 0; v < kVectors; ++v) of[v] = FinishSum(of[v], least);
  }
};

template <size_t kPanels>
void RunGroup(const GroupWork& work, size_t rows) {
  constexpr size_t kWidth = kPanels * kColumns;
  const size_t chunks = work.nonzeros->chunks();
  const __m256 least = Least(work.relu);
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    for (size_t row = 0; row < rows; ++row) {
      float* kept = work.sums + row * kWidth;
      Sums<kPanels> sums(chunk == 0 ? work.bias : kept);
      sums.Add(work.nonzeros->begin(row, chunk), work.nonzeros->end(row, chunk), work.weights);
      if (chunk + 1 < chunks) {
        sums.Store(kept);
        continue;
      }
      sums.Finish(least);
      float* to = work.y.data + row * work.y.stride;
      sums.Store(work.columns == kWidth ? to : kept);
      if (work.columns < kWidth) std::copy_n(kept, work.columns, to);
    }
  }
}

void RunGroup(size_t panels, const GroupWork& work, size_t rows) {
  switch (panels) {
    case 3:
      return RunGroup<3>(work, rows);
    case 4:
      return RunGroup<4>(work, rows);
    case 5:
      return RunGroup<5>(work, rows);
    default:
      return RunGroup<kGroup>(work, rows);
  }
}

}  // namespace

SparseWeights::SparseWeights(const Product& layer) : in_(layer.in), floats_(layer.in * Panels(layer.out) * kColumns) {
  const size_t panels = Panels(layer.out);
  float* to = floats_.data();
  for (size_t group = 0, first = 0; group < Groups(panels); first += GroupSize(panels, group++)) {
    for (size_t i = 0; i < layer.in; ++i) {
      for (size_t panel = first; panel < first + GroupSize(panels, group); ++panel, to += kColumns) {
        std::copy_n(layer.weights + panel * layer.panel + i * kColumns, kColumns, to);
      }
    }
  }
}

std::unique_ptr<const SparseWeights> SparseWeights::Make(const Product& layer) {
  if (Panels(layer.out) < kLeastPanels || layer.in < kLeastInputs) return nullptr;
  const size_t floats = Panels(layer.out) * layer.panel;
  if (FirstNotFinite(layer.weights, floats) != floats) return nullptr;
  return std::unique_ptr<const SparseWeights>(new SparseWeights(layer));
}

SparseRows::SparseRows(size_t widest) : nonzeros_(kBlockRows, widest), sums_(kBlockRows * kGroup * kColumns) {}

bool SparseRows::Worth(size_t rows, size_t width, In x) {
  if (rows < kLeastRows || width < kLeastInputs) return false;
  size_t found = 0;
  for (size_t look = 0; look < kLooks; ++look) {
    found += CountNonzeros(width, x.data + look * rows / kLooks * x.stride);
  }
  return 8 * found <= 5 * kLooks * width;
}

void SparseRows::Multiply(const Product& layer, const SparseWeights& weights, size_t rows, In x, Out y) {
  const size_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  const size_t height = (rows + blocks - 1) / blocks;
  for (size_t row = 0; row < rows; row += height) {
    Block(layer, weights, std::min(height, rows - row), RowsFrom(x, row), RowsFrom(y, row));
  }
}

void SparseRows::Block(const Product& layer, const SparseWeights& weights, size_t rows, In x, Out y) {
  nonzeros_.Take(rows, layer.in, x);
  const size_t panels = Panels(layer.out);
  for (size_t group = 0, first = 0; group < Groups(panels); first += GroupSize(panels, group++)) {
    const size_t column = first * kColumns, width = GroupSize(panels, group) * kColumns;
    const GroupWork work{weights.group(first) + layer.first * width,
                         layer.bias + column,
                         &nonzeros_,
                         sums_.data(),
                         {y.data + column, y.stride},
                         std::min(width, layer.out - column),
                         layer.relu};
    RunGroup(GroupSize(panels, group), work, rows);
  }
}

}  // namespace tandem::serving
