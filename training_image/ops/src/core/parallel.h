// Who runs the shards of a call at the same time.
//
// Memory:  none; an implementation borrows threads from someone else (TensorFlow's pool, a test's std::thread).
// Threads: Run may be called from any thread, also from several at once; the bodies of one Run may run at the same time
//          and must not wait for one another.
//
// No result may depend on threads(): the core decides by positions, keys and stripes, and only spreads the work.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>

namespace tandem {

class Parallel {
 public:
  virtual ~Parallel() = default;

  // How many bodies can run at the same time, at least 1.
  virtual int threads() const = 0;

  // Runs body(0), ..., body(shards - 1) in any order and returns when all are done.
  virtual void Run(int shards, const std::function<void(int)>& body) const = 0;
};

// One thread, the caller's.
const Parallel& Serial();

// For work of which each item can be done apart from the others: so many shards for each thread that one that wakes late,
// or loses its core for a while, leaves its part to the others.
inline constexpr size_t kManyShards = 8;

// How many shards to make of `items`, `each` for each of several threads at most, where fewer than `worthwhile` of them
// take less time than waking a thread; at least 1.
inline int ShardsFor(size_t items, size_t worthwhile, const Parallel& parallel, size_t each = 1) {
  const auto threads = static_cast<size_t>(std::max(1, parallel.threads()));
  return static_cast<int>(std::min(std::max<size_t>(1, items / worthwhile), threads == 1 ? 1 : threads * each));
}

// Run, on the caller's own thread if there is one shard.
template <typename Body>
void RunShards(int shards, const Body& body, const Parallel& parallel) {
  shards == 1 ? body(0) : parallel.Run(shards, body);
}

}  // namespace tandem
