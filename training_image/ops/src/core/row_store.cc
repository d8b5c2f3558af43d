#include "core/row_store.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>

namespace tandem {
namespace {

// Different in every process, so that a handle that crossed over from another one is refused too.
uint32_t Random() {
  uint32_t number = 0;
  if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
    number = static_cast<uint32_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return number;
}

// A different first generation for every table of the process, spread over the 32 bits: an odd factor is a bijection.
uint32_t NextFirstGeneration() {
  static std::atomic<uint32_t> tables{Random()};
  return ++tables * 0x9E3779B1u;
}

size_t Stride(int dim, int slots) {
  const size_t floats = static_cast<size_t>(dim) * (1 + slots);
  return floats + floats % 2;
}

uint32_t MostRows(size_t bytes_per_row) {
  return static_cast<uint32_t>(std::min<size_t>(RowStore::kMostRows, PhysicalMemory() / bytes_per_row + 1));
}

}  // namespace

RowStore::RowStore(int dim, int slots, Readers* readers)
    : dim_(dim),
      slot_floats_(static_cast<size_t>(dim) * slots),
      stride_(Stride(dim, slots)),
      first_generation_(NextFirstGeneration()),
      readers_(readers),
      floats_arena_(MostRows(bytes_per_row()) * stride_ * sizeof(float)),
      states_arena_(MostRows(bytes_per_row()) * sizeof(RowState)),
      seen_arena_(MostRows(bytes_per_row()) * sizeof(uint32_t)),
      keys_arena_(MostRows(bytes_per_row()) * sizeof(int64_t)),
      blocks_arena_((MostRows(bytes_per_row()) / kRowsPerBlockChanged + 1) * sizeof(uint32_t)),
      floats_(reinterpret_cast<float*>(floats_arena_.base())),
      states_(reinterpret_cast<RowState*>(states_arena_.base())),
      seen_(reinterpret_cast<std::atomic<uint32_t>*>(seen_arena_.base())),
      keys_(reinterpret_cast<int64_t*>(keys_arena_.base())),
      block_changed_(reinterpret_cast<std::atomic<uint32_t>*>(blocks_arena_.base())) {}

bool RowStore::Allocate(size_t n, uint32_t* rows) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_.size() < n && !leaving_.empty()) Reclaim();
  const size_t reused = std::min(n, free_.size());
  if (!Extend(n - reused, rows + reused)) return false;
  std::copy_n(free_.rbegin(), reused, rows);
  free_.resize(free_.size() - reused);
  return true;
}

// New places behind the last, without a row in them yet.
bool RowStore::Extend(size_t n, uint32_t* rows) {
  const uint32_t first = limit_.load(std::memory_order_relaxed);
  const size_t end = first + n;
  if (n == 0) return true;
  if (end > kMostRows || !floats_arena_.Reach(end * stride_ * sizeof(float)) ||
      !states_arena_.Reach(end * sizeof(RowState)) || !seen_arena_.Reach(end * sizeof(uint32_t)) ||
      !keys_arena_.Reach(end * sizeof(int64_t)) ||
      !blocks_arena_.Reach((end / kRowsPerBlockChanged + 1) * sizeof(uint32_t))) {
    return false;
  }
  for (size_t i = 0; i < n; ++i) {
    const auto row = static_cast<uint32_t>(first + i);
    generation(row).store(first_generation_, std::memory_order_relaxed);
    changed(row).store(kNoLiveRow, std::memory_order_relaxed);
    rows[i] = row;
  }
  limit_.store(static_cast<uint32_t>(end), std::memory_order_release);
  return true;
}

void RowStore::Return(const uint32_t* rows, size_t n) {
  const std::lock_guard<std::mutex> lock(mutex_);
  free_.insert(free_.end(), rows, rows + n);
}

void RowStore::Free(const uint32_t* rows, size_t n) {
  if (n == 0) return;
  for (size_t i = 0; i < n; ++i) {
    generation(rows[i]).fetch_add(1, std::memory_order_relaxed);
    changed(rows[i]).store(kNoLiveRow, std::memory_order_release);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  limbo_.insert(limbo_.end(), rows, rows + n);
  leaving_.push_back({readers_->Retire(), n});
}

// Rows that nobody can be reading any more are free.
void RowStore::Reclaim() {
  const uint64_t oldest = readers_->Oldest();
  while (!leaving_.empty() && leaving_.front().mark < oldest) {
    const auto end = limbo_.begin() + static_cast<std::ptrdiff_t>(leaving_.front().rows);
    free_.insert(free_.end(), limbo_.begin(), end);
    limbo_.erase(limbo_.begin(), end);
    leaving_.pop_front();
  }
}

size_t RowStore::bytes_reserved() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return floats_arena_.ready() + states_arena_.ready() + seen_arena_.ready() + keys_arena_.ready() +
         blocks_arena_.ready() + free_.capacity() * sizeof(uint32_t) + limbo_.size() * sizeof(uint32_t) +
         leaving_.size() * sizeof(Leaving);
}

size_t RowStore::limbo() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return limbo_.size();
}

size_t RowStore::free() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return free_.size();
}

}  // namespace tandem
