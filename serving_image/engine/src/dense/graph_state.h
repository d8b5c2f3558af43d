// Whether captured graphs are in use, for the status page, metrics and the operator: never silently without.
//
// Memory:  one sentence and two counters.
// Threads: any, at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace tandem::serving {

class GraphState {
 public:
  enum class Is { kOff, kOn, kUnavailable, kFallback };

  // Of the base that was opened or ran last; `why`: a sentence, empty when on or off.
  void Set(Is is, std::string why) {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_ = is;
    why_ = std::move(why);
  }
  void Get(Is* is, std::string* why) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    *is = is_;
    *why = why_;
  }
  static const char* NameOf(Is is) {
    constexpr const char* kNames[] = {"off", "on", "unavailable", "fallback"};
    return kNames[static_cast<int>(is)];
  }

  void CountCaptured() { captured_.fetch_add(1, std::memory_order_relaxed); }
  void CountFallback() { fallback_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t captured() const { return captured_.load(std::memory_order_relaxed); }
  // Batches that a captured graph was meant to compute and something else did.
  uint64_t fallback() const { return fallback_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  Is is_ = Is::kOff;
  std::string why_;
  std::atomic<uint64_t> captured_{0}, fallback_{0};
};

}  // namespace tandem::serving
