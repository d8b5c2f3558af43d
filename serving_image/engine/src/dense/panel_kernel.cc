#include "dense/panel_kernel.h"

#include <immintrin.h>

#include <algorithm>
#include <utility>

#include "dense/floats.h"
#include "dense/panels.h"
#include "dense/shared_columns.h"
#include "dense/sparse_panels.h"

namespace tandem::serving {
namespace {

constexpr size_t kTall = 6;        // rows of a tile: twelve sums, two weights, one input in sixteen registers
constexpr size_t kBlockRows = 96;  // rows whose inputs stay in the second-level cache while all panels pass

struct PanelLayer : PackedLayer {
  PanelLayer(size_t in, size_t panels) : weights(in * panels * kColumns), bias(panels * kColumns) {}
  size_t bytes() const override { return weights.bytes() + bias.bytes() + (sparse == nullptr ? 0 : sparse->bytes()); }

  Floats weights, bias;
  std::unique_ptr<const SparseWeights> sparse;  // where many inputs will be zero
};

struct PanelState : LayerState {
  std::vector<LayerPlace> places;
  Floats start;  // sums of one row, for as many panels as the widest layer has
  std::unique_ptr<SparseRows> sparse;
};

Product ProductOf(const LayerShape& shape, const PanelLayer& packed) {
  return {0,
          shape.in,
          shape.out,
          packed.weights.data(),
          shape.in * kColumns,
          packed.bias.data(),
          shape.activation == Activation::kRelu};
}

// kRows rows by kPanels panels from `panel` on, all sums in registers.
template <size_t kRows, size_t kPanels>
__attribute__((always_inline)) inline void Tile(const Product& layer, size_t panel, In x, Out y) {
  constexpr size_t kVectors = 2 * kPanels;
  const float* weights = layer.weights + panel * layer.panel;
  const float* bias = layer.bias + panel * kColumns;
  __m256 sums[kRows][kVectors];
#pragma GCC unroll 8
  for (size_t v = 0; v < kVectors; ++v) {
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; ++r) sums[r][v] = _mm256_load_ps(bias + v * 8);
  }
  for (size_t i = 0; i < layer.in; ++i) {
    __m256 w[kVectors];
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) {
      w[v] = _mm256_load_ps(weights + (v / 2) * layer.panel + i * kColumns + (v % 2) * 8);
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; ++r) {
      const __m256 input = _mm256_broadcast_ss(x.data + r * x.stride + i);
#pragma GCC unroll 8
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] = _mm256_fmadd_ps(input, w[v], sums[r][v]);
    }
  }
  const __m256 least = Least(layer.relu);
  const size_t column = panel * kColumns;
  const bool whole = column + kPanels * kColumns <= layer.out;
#pragma GCC unroll 6
  for (size_t r = 0; r < kRows; ++r) {
    alignas(32) float edge[kVectors * 8];
    float* to = whole ? y.data + r * y.stride + column : edge;
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) _mm256_storeu_ps(to + v * 8, FinishSum(sums[r][v], least));
    if (!whole) std::copy(edge, edge + (layer.out - column), y.data + r * y.stride + column);
  }
}

// Few rows: several panels at once, since two sums alone would wait for each other.
template <size_t kRows, size_t kPanels>
void FewRows(const Product& layer, size_t panels, In x, Out y) {
  size_t panel = 0;
  for (; panel + kPanels <= panels; panel += kPanels) Tile<kRows, kPanels>(layer, panel, x, y);
  for (; panel < panels; ++panel) Tile<kRows, 1>(layer, panel, x, y);
}

void AnyTile(size_t rows, const Product& layer, size_t panel, In x, Out y) {
  switch (rows) {
    case 3:
      return Tile<3, 1>(layer, panel, x, y);
    case 4:
      return Tile<4, 1>(layer, panel, x, y);
    case 5:
      return Tile<5, 1>(layer, panel, x, y);
    default:
      return Tile<kTall, 1>(layer, panel, x, y);
  }
}

// Cuts 4 rows or more into tiles of 3 to 6, as even as can be: a tile of one row costs as much as one of four.
size_t Tiles(size_t rows, size_t* tiles) {
  const size_t count = (rows + kTall - 1) / kTall;
  for (size_t t = 0; t < count; ++t) tiles[t] = rows / count + (t < rows % count ? 1 : 0);
  return count;
}

void Multiply(const Product& layer, size_t rows, In x, Out y) {
  const size_t panels = Panels(layer.out);
  if (rows == 1) return FewRows<1, 4>(layer, panels, x, y);
  if (rows == 2) return FewRows<2, 2>(layer, panels, x, y);
  if (rows == 3) return FewRows<3, 2>(layer, panels, x, y);
  size_t tiles[kBlockRows / kTall + 2];
  const size_t count = Tiles(rows, tiles);
  for (size_t panel = 0; panel < panels; ++panel) {
    size_t row = 0;
    for (size_t t = 0; t < count; row += tiles[t++]) {
      AnyTile(tiles[t], layer, panel, {x.data + row * x.stride, x.stride}, {y.data + row * y.stride, y.stride});
    }
  }
}

// Blocks of about one height, so that no last one reads all weights for a row or two.
void MultiplyBlocks(const Product& layer, size_t rows, In x, Out y) {
  const size_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  const size_t height = ((rows + blocks - 1) / blocks + kTall - 1) / kTall * kTall;
  for (size_t row = 0; row < rows; row += height) {
    Multiply(layer, std::min(height, rows - row), RowsFrom(x, row), RowsFrom(y, row));
  }
}

// Rows that have nothing in common.
void MultiplyApart(const Product& layer, const SparseWeights* sparse, PanelState* state, size_t rows, In x, Out y) {
  if (sparse != nullptr && SparseRows::Worth(rows, layer.in, x)) {
    return state->sparse->Multiply(layer, *sparse, rows, x, y);
  }
  MultiplyBlocks(layer, rows, x, y);
}

// `shared` inputs are the same in all rows: that part of the sums is computed once. The same bits, since a sum runs
// from the first input to the last.
void MultiplyShared(const Product& layer, const SparseWeights* sparse, PanelState* state, size_t shared, size_t rows,
                    In x, Out y) {
  const Out start{state->start.data(), Panels(layer.out) * kColumns};
  Multiply({0, shared, start.stride, layer.weights, layer.panel, layer.bias, false}, 1, x, start);
  const Product rest{shared,      layer.in - shared, layer.out, layer.weights + shared * kColumns,
                     layer.panel, start.data,        layer.relu};
  MultiplyApart(rest, sparse, state, rows, {x.data + shared, x.stride}, y);
}

// Rows that begin alike, as one user's candidates do, share that part; a batch may have the candidates of several
// users.
void MultiplyAlike(const Product& layer, const SparseWeights* sparse, PanelState* state, size_t rows, In x, Out y) {
  constexpr size_t kLeast = 16, kRows = 8;  // below, what it saves is less than what it costs
  size_t apart = 0;                         // rows from here on have nothing in common
  for (size_t row = 0, alike; layer.in >= kLeast && row < rows; row += alike) {
    alike = RowsAlike(rows - row, kLeast, RowsFrom(x, row));
    if (alike < kRows) continue;
    if (apart < row) MultiplyApart(layer, sparse, state, row - apart, RowsFrom(x, apart), RowsFrom(y, apart));
    const size_t shared = SharedColumns(alike, layer.in, RowsFrom(x, row));
    MultiplyShared(layer, sparse, state, shared, alike, RowsFrom(x, row), RowsFrom(y, row));
    apart = row + alike;
  }
  if (apart < rows) MultiplyApart(layer, sparse, state, rows - apart, RowsFrom(x, apart), RowsFrom(y, apart));
}

class PanelKernel : public LayerKernel {
 public:
  explicit PanelKernel(std::vector<LayerShape> layers) : layers_(std::move(layers)) {}

  const char* name() const override { return "panels"; }
  size_t Samples(size_t batch) const override { return batch; }

  Status Pack(size_t layer, const float* kernel, const float* bias,
              std::unique_ptr<const PackedLayer>* made) const override {
    const size_t in = layers_[layer].in, out = layers_[layer].out;
    const size_t panels = Panels(out);
    auto packed = std::make_unique<PanelLayer>(in, panels);
    for (size_t panel = 0; panel < panels; ++panel) {
      const size_t column = panel * kColumns, width = std::min(kColumns, out - column);
      for (size_t i = 0; i < in; ++i) {
        std::copy_n(kernel + i * out + column, width, packed->weights.data() + (panel * in + i) * kColumns);
      }
    }
    if (bias != nullptr) std::copy_n(bias, out, packed->bias.data());
    if (layers_[layer].rectified) packed->sparse = SparseWeights::Make(ProductOf(layers_[layer], *packed));
    *made = std::move(packed);
    return {};
  }

  std::unique_ptr<LayerState> NewState(const std::vector<LayerPlace>& places) const override {
    auto state = std::make_unique<PanelState>();
    state->places = places;
    size_t out = 0, in = 0;
    for (const LayerShape& layer : layers_) {
      out = std::max(out, layer.out);
      if (layer.rectified) in = std::max(in, layer.in);
    }
    state->start = Floats(out + kColumns);
    if (in > 0) state->sparse = std::make_unique<SparseRows>(in);
    return state;
  }

  Status Run(size_t layer, const PackedLayer& packed, LayerState* any_state, size_t batch) const override {
    const LayerShape& shape = layers_[layer];
    const size_t rows = batch * shape.rows;
    const auto& weights = static_cast<const PanelLayer&>(packed);
    auto* state = static_cast<PanelState*>(any_state);
    const LayerPlace& place = state->places[layer];
    MultiplyAlike(ProductOf(shape, weights), weights.sparse.get(), state, rows, place.in, place.out);
    if (shape.activation == Activation::kSigmoid) {
      SigmoidRows(rows, shape.out, {place.out.data, place.out.stride}, place.out);
    }
    return {};
  }

 private:
  std::vector<LayerShape> layers_;
};

}  // namespace

std::unique_ptr<LayerKernel> NewPanelKernel(std::vector<LayerShape> layers) {
  return std::make_unique<PanelKernel>(std::move(layers));
}

}  // namespace tandem::serving
