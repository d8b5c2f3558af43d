// A mutex that is given in the order in which it was asked for.
//
// Memory:  two counters.
// Threads: any; for std::lock_guard.
//
// A base is loaded in many short turns while updates come in; an ordinary mutex would be taken back by the loader
// before the updater wakes.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace tandem::serving {

class Turn {
 public:
  void lock() {
    std::unique_lock<std::mutex> lock(mutex_);
    const uint64_t mine = asked_++;
    changed_.wait(lock, [&] { return given_ == mine; });
  }

  void unlock() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++given_;
    }
    changed_.notify_all();
  }

  // How many wait for it now.
  uint64_t waiting() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_ - std::min(asked_, given_ + 1);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t asked_ = 0;
  uint64_t given_ = 0;
};

}  // namespace tandem::serving
