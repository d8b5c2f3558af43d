// Which calls are reading, so that memory is used again only when none of them can still see it.
//
// Memory:  64 slots of a cache line: the period in which the slot's call began, 0 for none; and the present period.
// Threads: all functions from any thread. Construct and destroy a Call on one thread, do not nest Calls of one table,
//          and never wait inside a Call for a lock whose holder may Synchronize (the step mutex).
//
// Epoch-based reclamation (Fraser 2004). A writer takes something out of reach (an entry, an array), then takes a mark
// with Retire(); once AllLeft(mark), every call that could have seen it has ended. Calls never wait for writers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tandem {

class Readers {
 public:
  // One call that reads: registered while it lives.
  class Call {
   public:
    explicit Call(const Readers& readers) : slot_(readers.Enter()) {}
    ~Call() { slot_->store(0, std::memory_order_release); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    std::atomic<uint64_t>* const slot_;
  };

  // The mark of what was taken out of reach before; opens the next period.
  uint64_t Retire() { return period_.fetch_add(1, std::memory_order_seq_cst); }

  // Whether every call that was in flight at `mark` has ended.
  bool AllLeft(uint64_t mark) const { return mark < Oldest(); }

  // The period of the oldest call in flight; what carries an earlier mark may be used again.
  uint64_t Oldest() const;

  // Waits until every call in flight now has ended.
  void Synchronize();

 private:
  static constexpr size_t kSlots = 64;
  struct alignas(64) Slot {
    mutable std::atomic<uint64_t> period{0};
  };

  std::atomic<uint64_t>* Enter() const;

  std::array<Slot, kSlots> slots_;
  std::atomic<uint64_t> period_{1};
};

}  // namespace tandem
