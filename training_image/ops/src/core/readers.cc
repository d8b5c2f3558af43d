#include "core/readers.h"

#include <algorithm>
#include <thread>

namespace tandem {
namespace {

// Threads start at different slots, so that one usually finds its own free and in its own cache.
size_t FirstSlot() {
  static std::atomic<size_t> threads{0};
  static thread_local const size_t mine = threads.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

}  // namespace

// The exchange is sequentially consistent, as are the loads of what a writer may take out of reach: either the writer's
// look at the slots finds this call, or this call finds what the writer published instead.
std::atomic<uint64_t>* Readers::Enter() const {
  for (size_t i = FirstSlot();; ++i) {
    std::atomic<uint64_t>& slot = slots_[i % kSlots].period;
    uint64_t none = 0;
    if (slot.load(std::memory_order_relaxed) == 0 &&
        slot.compare_exchange_strong(none, period_.load(std::memory_order_seq_cst), std::memory_order_seq_cst)) {
      return &slot;
    }
    if (i % kSlots == kSlots - 1) std::this_thread::yield();
  }
}

uint64_t Readers::Oldest() const {
  uint64_t oldest = period_.load(std::memory_order_seq_cst);
  for (const Slot& slot : slots_) {
    const uint64_t period = slot.period.load(std::memory_order_seq_cst);
    if (period != 0) oldest = std::min(oldest, period);
  }
  return oldest;
}

void Readers::Synchronize() {
  const uint64_t mark = Retire();
  while (!AllLeft(mark)) std::this_thread::yield();
}

}  // namespace tandem
