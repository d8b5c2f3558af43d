// An array that grows without moving: address space reserved at once, memory taken from the system as it is reached.
//
// Memory:  a private mapping without access rights; Reach() opens its beginning step by step. The first 2 MB come in
//          small pages, so that a small table stays small; from there on huge pages are asked for. What is reached for
//          the first time reads zero.
// Threads: Reach and the figures from any thread; what lies below a size for which Reach returned true, or ready(), is
//          used as the owner likes. A background thread (pages.h) makes the next pages ready before they are reached.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

namespace tandem {

class Arena {
 public:
  // Reserves `max_bytes` of addresses, or as many as the system gives; see max_bytes().
  explicit Arena(size_t max_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  char* base() const { return base_; }
  size_t max_bytes() const { return max_bytes_; }

  // Makes the first `bytes` usable; false if the system refuses.
  bool Reach(size_t bytes);

  // How many bytes are usable, hence at most resident.
  size_t ready() const { return ready_.load(std::memory_order_acquire); }

  // Makes the pages up to what was last asked for ready; for the background thread.
  void PrepareAhead();

 private:
  bool Open(size_t bytes);

  size_t max_bytes_;
  char* base_;
  std::atomic<size_t> ready_{0};   // accessible
  std::atomic<size_t> wanted_{0};  // to be accessible and resident soon
  std::mutex mutex_;               // who opens more
};

}  // namespace tandem
