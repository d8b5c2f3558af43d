// Who runs the shards of a call at the same time.
//
// Memory:  none; an implementation borrows threads from someone else (TensorFlow's pool, a test's std::thread).
// Threads: Run may be called from any thread, also from several at once; the bodies of one Run may run at the same time
//          and must not wait for one another.
//
// No result may depend on threads(): the core decides by positions, keys and stripes, and only spreads the work.
#pragma once

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

}  // namespace tandem
