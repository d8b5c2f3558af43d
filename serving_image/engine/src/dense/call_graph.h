// The article's CallGraph operation (S2): what hangs on weights only is taken again every so many calls or seconds, not
// with each version. Then answers mix new weights with older results; it is here for those who compare.
//
// Memory:  holds what it handed out last, of one version.
// Threads: Next from any thread at once; a mutex for a few moves. The very first call's results are the first there
// are.
//
// What a version's sub-graph gives is known when the version is (fold_runner.h), so to run it again is to take the
// results of the version that asks: the values are those of the operation, and no call waits for them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace tandem::serving {

struct Intervals {
  uint64_t calls = 0;  // a result serves so many, the one that took it among them; 0: any number
  double seconds = 0;  // it serves for less than these; 0: for ever
};

template <typename Results>
class CallGraph {
 public:
  using Clock = std::chrono::steady_clock;

  explicit CallGraph(Intervals intervals, std::function<Clock::time_point()> now = Clock::now)
      : intervals_(intervals), now_(std::move(now)) {}

  // The results that one call answers with; `newest` are those of the version that it answers from.
  std::shared_ptr<const Results> Next(const std::shared_ptr<const Results>& newest) {
    const Clock::time_point now = now_();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (taken_ == nullptr || TooOld(now)) {
      taken_ = newest;
      at_ = now;
      calls_ = 0;
    }
    ++calls_;
    return taken_;
  }

 private:
  bool TooOld(Clock::time_point now) const {
    if (intervals_.calls > 0 && calls_ >= intervals_.calls) return true;
    const std::chrono::duration<double> age = now - at_;
    return intervals_.seconds > 0 && (age.count() < 0 || age.count() >= intervals_.seconds);
  }

  const Intervals intervals_;
  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::shared_ptr<const Results> taken_;
  Clock::time_point at_;
  uint64_t calls_ = 0;
};

}  // namespace tandem::serving
