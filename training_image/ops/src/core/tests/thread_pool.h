// A Parallel of threads of its own, for tests and benchmarks.
//
// Memory:  one body and a count of shards at a time.
// Threads: Run from one thread at a time; it works on shards too.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/parallel.h"

namespace tandem::testing {

class ThreadPool final : public Parallel {
 public:
  explicit ThreadPool(int threads) {
    for (int i = 1; i < threads; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  }

  ~ThreadPool() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  int threads() const override { return static_cast<int>(threads_.size()) + 1; }

  void Run(int shards, const std::function<void(int)>& body) const override {
    std::unique_lock<std::mutex> lock(mutex_);
    body_ = &body;
    shards_ = shards;
    next_ = done_ = 0;
    wake_.notify_all();
    while (next_ < shards_) RunOne(&lock);
    all_done_.wait(lock, [this] { return done_ == shards_; });
    body_ = nullptr;
  }

 private:
  void RunOne(std::unique_lock<std::mutex>* lock) const {
    const int shard = next_++;
    const auto* body = body_;
    lock->unlock();
    (*body)(shard);
    lock->lock();
    if (++done_ == shards_) all_done_.notify_all();
  }

  void Work() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stop_ || (body_ != nullptr && next_ < shards_); });
      if (stop_) return;
      RunOne(&lock);
    }
  }

  mutable std::mutex mutex_;  // guards all below
  mutable std::condition_variable wake_, all_done_;
  mutable const std::function<void(int)>* body_ = nullptr;
  mutable int shards_ = 0, next_ = 0, done_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tandem::testing
