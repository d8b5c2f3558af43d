// Rows' event times as they were when a full cut began.
//
// Memory:  4 bytes a row, touched when made, so that no lookup waits for them.
// Threads: all functions from any thread.
//
// Who raises a row's time keeps the one before, and then raises it; whoever keeps first wins. So who reads a time and then
// finds none kept has read the cut's. When all are kept, nobody need keep any more.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tandem {

class KeptTimes {
 public:
  // For the rows below `rows`. Throws std::bad_alloc.
  explicit KeptTimes(uint32_t rows) : rows_(rows), times_(new std::atomic<uint32_t>[rows]()) {}

  bool Covers(uint32_t row) const { return row < rows_; }
  size_t bytes() const { return size_t{rows_} * sizeof(uint32_t); }

  void Prefetch(uint32_t row) const {
    const auto* time = &times_[Covers(row) ? row : 0];
    __builtin_prefetch(time, 1);
    asm volatile("" : : "r"(time));  // or g++ takes this for a function without effect, and calls of it away
  }

  // The row, which this covers, had this time and is about to get a later one.
  void Keep(uint32_t row, uint32_t seen) {
    std::atomic<uint32_t>& time = times_[row];
    uint32_t none = kNone;
    if (time.load(std::memory_order_relaxed) == kNone) {
      time.compare_exchange_strong(none, seen + 1, std::memory_order_release, std::memory_order_relaxed);
    }
  }

  // The cut's time of a row that has this one now.
  uint32_t Of(uint32_t row, uint32_t seen) const {
    if (!Covers(row)) return seen;
    const uint32_t kept = times_[row].load(std::memory_order_acquire);
    return kept == kNone ? seen : kept - 1;
  }

 private:
  // One less than every time as it is kept but the last there is, which no stamp can raise.
  static constexpr uint32_t kNone = 0;

  const uint32_t rows_;
  const std::unique_ptr<std::atomic<uint32_t>[]> times_;
};

}  // namespace tandem
