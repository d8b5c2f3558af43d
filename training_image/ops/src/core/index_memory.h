// Memory for the arrays of an index: runs of any length, zero when given out.
//
// Memory:  below 64 KB from the heap, so that a small table stays small. From there on runs of units of 64 KB in one
//          range of addresses, at the first place where they fit, so that arrays share huge pages; a huge page without
//          a unit in use goes back to the system at once.
// Threads: any; one mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/arena.h"

namespace tandem {

class IndexMemory {
 public:
  IndexMemory() = default;
  IndexMemory(const IndexMemory&) = delete;
  IndexMemory& operator=(const IndexMemory&) = delete;

  // `bytes` (a multiple of 64) of zeros, aligned to 256 at least; throws std::bad_alloc.
  void* Take(size_t bytes);
  void Give(void* block, size_t bytes);

  // What is held from the system.
  size_t bytes_reserved() const;

 private:
  size_t TakeUnits(size_t units);
  void GiveUnits(size_t first, size_t units);
  void CountPages(size_t first, size_t units, int change);

  mutable std::mutex mutex_;  // guards all below
  std::unique_ptr<Arena> arena_;
  size_t end_ = 0;                  // units below have been in use
  std::map<size_t, size_t> holes_;  // first unit -> units, none next to another
  std::vector<uint16_t> in_use_;    // units of each huge page
  size_t bytes_ = 0;
};

}  // namespace tandem
