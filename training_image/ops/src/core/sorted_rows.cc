#include "core/sorted_rows.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tandem {
namespace {

constexpr size_t kPieceBytes = size_t{8} << 20;  // so much malloc keeps for the next cut, once it was given back
constexpr size_t kAhead = 16;                    // rows that are prefetched before they are copied
constexpr size_t kLineFloats = 16;
constexpr size_t kRowsPerShard = 2048;  // at least

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
  Sort(&order_);
}

// Byte by byte from the lowest, without those that are the same in all keys: no comparison that could be mispredicted.
void SortedRows::Sort(std::vector<Place>* places) {
  constexpr size_t kBytes = sizeof(int64_t), kValues = 256;
  const auto byte = [](int64_t key, size_t b) {
    const uint64_t ascending = static_cast<uint64_t>(key) ^ (uint64_t{1} << 63);  // as the signed keys do
    return static_cast<size_t>(ascending >> (8 * b)) % kValues;
  };
  std::vector<std::array<size_t, kValues>> counts(kBytes);
  for (const Place& place : *places) {
    for (size_t b = 0; b < kBytes; ++b) ++counts[b][byte(place.key, b)];
  }
  std::vector<Place> sorted(places->size());
  for (size_t b = 0; b < kBytes; ++b) {
    std::array<size_t, kValues>& count = counts[b];
    if (places->empty() || count[byte(places->front().key, b)] == places->size()) continue;
    size_t begin = 0;
    for (size_t& each : count) begin += std::exchange(each, begin);
    for (const Place& place : *places) sorted[count[byte(place.key, b)]++] = place;
    places->swap(sorted);
  }
}

void SortedRows::CopyTo(const RowsRoom& room, const Parallel& parallel) const {
  const int shards = ShardsFor(order_.size(), kRowsPerShard, parallel, kManyShards);
  const auto copy = [&](int shard) {
    CopyPart(room, order_.size() * shard / shards, order_.size() * (shard + 1) / shards);
  };
  RunShards(shards, copy, parallel);
}

void SortedRows::CopyPart(const RowsRoom& room, size_t first, size_t last) const {
  for (size_t i = first; i < last; ++i) {
    if (i + kAhead < last) {
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
  Resize(size(), dim_, slot_floats_, &rows);
  CopyTo({rows.keys.data(), rows.values.data(), rows.slots.data(), rows.steps.data(), rows.seen.data()});
  return rows;
}

}  // namespace tandem
