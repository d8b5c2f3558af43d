#include "rows/row_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace tandem::serving {
namespace {

constexpr size_t kMostAddresses = size_t{1} << 40;  // of one column; of the 2^47 that a process has
constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14; an older kernel refuses it and nothing is lost

// The writer pays for new pages here: a reader that touched them first would wait while they are zeroed.
bool ReachReady(Arena* arena, size_t bytes) {
  const size_t before = arena->ready();
  if (!arena->Reach(bytes)) return false;
  if (arena->ready() > before) madvise(arena->base() + before, arena->ready() - before, kPopulateWrite);
  return true;
}

}  // namespace

RowMemory::RowMemory(size_t dim, size_t max_rows, Readers* readers)
    : dim_(dim),
      max_slots_(std::min({max_rows + 1, size_t{UINT32_MAX}, kMostAddresses / (dim * sizeof(float))})),
      readers_(readers),
      rows_(max_slots_ * dim * sizeof(float), Arena::kAsReached),
      older_(max_slots_ * sizeof(NodeWord), Arena::kAsReached) {
  if (!Reach(1)) throw std::bad_alloc();
  end_ = 1;  // slot 0: pages read zero
  older(0).store(kNoNode, std::memory_order_relaxed);
}

bool RowMemory::Reach(size_t slots) {
  return slots <= max_slots_ && ReachReady(&rows_, slots * dim_ * sizeof(float)) &&
         ReachReady(&older_, slots * sizeof(NodeWord));
}

uint32_t RowMemory::TakeEmpty(NodeWord superseded) {
  uint32_t slot = 0;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else if (Reach(end_ + 1)) {
    slot = static_cast<uint32_t>(end_++);
  } else {
    return 0;
  }
  ++taken_;
  older(slot).store(superseded, std::memory_order_relaxed);
  return slot;
}

uint32_t RowMemory::Take(const float* values, NodeWord superseded) {
  const uint32_t slot = TakeEmpty(superseded);
  if (slot != 0) std::memcpy(rows() + size_t{slot} * dim_, values, dim_ * sizeof(float));
  return slot;
}

void RowMemory::Collect() {
  if (leaving_.size() > marked_) {
    batches_.push_back({readers_->Retire(), leaving_.size() - marked_});
    marked_ = leaving_.size();
  }
  while (!batches_.empty() && readers_->AllLeft(batches_.front().mark)) {
    const size_t slots = batches_.front().slots;
    const auto end = leaving_.begin() + static_cast<std::ptrdiff_t>(slots);
    free_.insert(free_.end(), leaving_.begin(), end);
    leaving_.erase(leaving_.begin(), end);
    batches_.pop_front();
    marked_ -= slots;
    taken_ -= slots;
  }
}

size_t RowMemory::bytes_reserved() const {
  return rows_.ready() + older_.ready() + free_.capacity() * sizeof(uint32_t) + leaving_.size() * sizeof(uint32_t) +
         batches_.size() * sizeof(Batch);
}

}  // namespace tandem::serving
