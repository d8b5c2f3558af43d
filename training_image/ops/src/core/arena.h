// An array that grows without moving: address space reserved at once, memory taken from the system as it is reached.
//
// Memory:  a private mapping that costs nothing until it is touched; where the system would count it at once, it has no
//          access rights and Reach() opens its beginning step by step. The first 2 MB come in small pages, so that a
//          small table stays small; from there on huge pages are asked for. What is reached for the first time reads zero.
// Threads: Reach and the figures from any thread; what lies below a size for which Reach returned true is used as the
//          owner likes. A background thread (pages.h) makes the next pages ready before they are reached.
#pragma once

#include <atomic>
#include <cstddef>

namespace tandem {

class Arena {
 public:
  // Whether the background thread makes pages ready ahead.
  enum Pace { kAhead, kAsReached };
  // Whether all addresses may be written from the beginning.
  enum Access { kAtOnce, kStepByStep };

  // Reserves `max_bytes` of addresses, or as many as the system gives; see max_bytes().
  explicit Arena(size_t max_bytes, Pace pace = kAhead, Access access = AccessHere());
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Aligned to 2 MB.
  char* base() const { return base_; }
  size_t max_bytes() const { return max_bytes_; }

  // Makes the first `bytes` usable; false if the system refuses.
  bool Reach(size_t bytes);

  // How many bytes have been reached or made ready, so the most that can be resident.
  size_t ready() const { return ready_.load(std::memory_order_acquire); }

  // Makes the next page ready of those that Reach last saw coming, and says whether there are more; for the background
  // thread.
  bool PrepareAhead();

  // kAtOnce, unless the system counts memory when it is reserved (vm.overcommit_memory = 2).
  static Access AccessHere();

 private:
  bool Open(size_t bytes);

  const Pace pace_;
  size_t max_bytes_;
  char* mapping_;
  size_t mapping_bytes_;
  char* base_;
  std::atomic<size_t> open_{0};  // accessible
  std::atomic<size_t> ready_{0};
  std::atomic<size_t> coming_{0};
};

// The most memory that can be asked of this machine.
size_t PhysicalMemory();

}  // namespace tandem
