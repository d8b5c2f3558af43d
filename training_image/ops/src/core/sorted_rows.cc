#include "core/sorted_rows.h"

#include <algorithm>
#include <utility>

namespace tandem {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kAhead = 16;  // rows that are prefetched before they are copied
constexpr size_t kLineFloats = 16;

void Prefetch(const float* floats, size_t size) {
  for (size_t z = 0; z < size; z += kLineFloats) __builtin_prefetch(floats + z);
}

}  // namespace

SortedRows::SortedRows(Cut* cut, size_t dim, size_t slot_floats) : dim_(dim), slot_floats_(slot_floats) {
  const size_t row_bytes = (dim + slot_floats) * sizeof(float) + 3 * sizeof(int64_t);
  const size_t most = std::max<size_t>(1, kPieceBytes / row_bytes);
  for (;;) {
    Rows piece;
    piece.keys.reserve(most);
    piece.values.reserve(most * dim);
    piece.slots.reserve(most * slot_floats);
    piece.steps.reserve(most);
    piece.seen.reserve(most);
    if (!cut->Next(most, &piece)) break;
    const auto number = static_cast<uint32_t>(pieces_.size());
    for (uint32_t at = 0; at < piece.keys.size(); ++at) order_.push_back({piece.keys[at], number, at});
    pieces_.push_back(std::move(piece));
  }
  std::sort(order_.begin(), order_.end(), [](const Place& a, const Place& b) { return a.key < b.key; });
}

void SortedRows::CopyTo(const RowsRoom& room) const {
  for (size_t i = 0; i < order_.size(); ++i) {
    if (i + kAhead < order_.size()) {
      const Place& next = order_[i + kAhead];
      const Rows& piece = pieces_[next.piece];
      Prefetch(piece.values.data() + next.at * dim_, dim_);
      Prefetch(piece.slots.data() + next.at * slot_floats_, slot_floats_);
    }
    const auto [key, number, at] = order_[i];
    const Rows& piece = pieces_[number];
    room.keys[i] = key;
    std::copy_n(piece.values.data() + at * dim_, dim_, room.values + i * dim_);
    std::copy_n(piece.slots.data() + at * slot_floats_, slot_floats_, room.slots + i * slot_floats_);
    room.steps[i] = piece.steps[at];
    room.seen[i] = piece.seen[at];
  }
}

Rows SortedRows::Copy() const {
  Rows rows;
  rows.keys.resize(size());
  rows.values.resize(size() * dim_);
  rows.slots.resize(size() * slot_floats_);
  rows.steps.resize(size());
  rows.seen.resize(size());
  CopyTo({rows.keys.data(), rows.values.data(), rows.slots.data(), rows.steps.data(), rows.seen.data()});
  return rows;
}

}  // namespace tandem
