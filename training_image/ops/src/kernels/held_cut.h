// A cut that was copied whole, given out in pieces.
//
// Memory:  all rows of the cut.
// Threads: one thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/rows.h"

namespace tandem {

class HeldCut {
 public:
  HeldCut(int64_t epoch, Rows rows, std::vector<int64_t> removed, size_t dim, size_t width)
      : epoch_(epoch), rows_(std::move(rows)), removed_(std::move(removed)), dim_(dim), width_(width) {}

  int64_t epoch() const { return epoch_; }
  const std::vector<int64_t>& removed() const { return removed_; }

  // Replaces `out` by up to `max_rows` rows; false, and none, when all have been read.
  bool Next(size_t max_rows, Rows* out) {
    const size_t n = std::min(max_rows, rows_.keys.size() - given_);
    const auto take = [&](const auto& from, size_t width, auto* to) {
      to->assign(from.begin() + given_ * width, from.begin() + (given_ + n) * width);
    };
    take(rows_.keys, 1, &out->keys);
    take(rows_.values, dim_, &out->values);
    take(rows_.slots, width_, &out->slots);
    take(rows_.steps, 1, &out->steps);
    take(rows_.seen, 1, &out->seen);
    given_ += n;
    return n != 0;
  }

 private:
  const int64_t epoch_;
  const Rows rows_;
  const std::vector<int64_t> removed_;
  const size_t dim_, width_;
  size_t given_ = 0;
};

}  // namespace tandem
