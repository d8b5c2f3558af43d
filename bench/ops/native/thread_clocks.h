// Clocks of the calling thread, and what a call took without what the hypervisor stole. Linux only.
//
// Memory:  a file descriptor.
// Threads: each thread has a ThreadClocks of its own.
//
// Linux leaves stolen time out of a thread's CPU time. Where a thread paused by itself (for a lock, say) nobody can
// tell a pause from a theft: then all the time counts.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace bench {

// Where a thread's clocks stand, nanoseconds.
struct Moment {
  int64_t wall;    // for everybody
  int64_t ran;     // while it had a CPU that was really there
  int64_t waited;  // while it could have run and another thread did
  int64_t pauses;  // how often it stopped by itself
};

constexpr int64_t Took(const Moment& before, const Moment& after) {
  const int64_t passed = after.wall - before.wall;
  if (after.pauses != before.pauses) return passed;
  return std::min(passed, after.ran - before.ran + after.waited - before.waited);
}

inline int64_t Now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class ThreadClocks {
 public:
  ThreadClocks() : schedule_(open("/proc/thread-self/schedstat", O_RDONLY)) {}
  ~ThreadClocks() { close(schedule_); }
  ThreadClocks(const ThreadClocks&) = delete;
  ThreadClocks& operator=(const ThreadClocks&) = delete;

  bool ok() const { return schedule_ >= 0; }

  Moment Read() const {
    char text[128] = {};  // "ran waited slices"
    char* end = text;
    if (pread(schedule_, text, sizeof(text) - 1, 0) > 0) std::strtoll(text, &end, 10);
    rusage used;
    getrusage(RUSAGE_THREAD, &used);
    return {Now(), Now(CLOCK_THREAD_CPUTIME_ID), std::strtoll(end, nullptr, 10), used.ru_nvcsw};
  }

 private:
  const int schedule_;
};

}  // namespace bench
