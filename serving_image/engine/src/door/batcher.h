// Requests that wait, and the threads that answer them. There is no timer: an engine thread that frees takes what waits
// at that moment, up to so many rows, so that batches grow with the load and a lone request never waits for company.
//
// Memory:  a list through the Jobs; at most most_jobs of them and most_bytes of their requests are inside at once,
//          waiting or computed. What comes on top is shed, never queued.
// Threads: Push and in_flight from any; each engine thread has a BatchRunner of its own. One mutex, held for a few
//          pointer moves.
//
// Several engine threads share what waits: none takes more than its part, unless that is too little to be worth a
// batch. Otherwise the first to wake would take all of a burst, and the others would look on.
//
// Requests crowd when the batch that was taken last had several, and few rows. Then a few rows more are left to the
// thread that computes, whose batches grow; one more thread would take the core from whoever brings the next ones.
//
// A batch is of one version: requests that name one are in a line of their own and go together with their like only.
// The line whose first request came earlier goes first.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "door/job.h"

namespace tandem::serving::door {

struct BatcherOptions {
  size_t threads = 2;       // 0: whoever pushes calls RunWaiting
  size_t sharers = 1;       // how many threads do, then
  size_t most_rows = 128;   // of a batch; a request with more is a batch of its own
  size_t enough_rows = 32;  // more rows at once are not computed faster, so a thread leaves them to the others
  size_t few_rows = 8;      // so many wait for a thread that computes already, while requests crowd
  size_t most_jobs = 1024;
  size_t most_bytes = size_t{256} << 20;
};

// Answers all of them: calls Done for each.
using RunJobs = std::function<void(const std::vector<Job*>& jobs)>;

class Batcher {
 public:
  // `new_runner` is called once per engine thread, here.
  Batcher(const BatcherOptions& options, const std::function<RunJobs()>& new_runner);
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Takes a job, unless too much is inside already; then it stays the caller's.
  bool Push(Job* job);

  // Answers one batch of what waits on the calling thread; false when nothing waits, or too little for one more thread.
  bool RunWaiting(const RunJobs& run, std::vector<Job*>* room);

  size_t in_flight() const;
  // Whether a request waits for one more thread. Sequentially consistent: of a thread that says it sleeps and then
  // looks here, and one that leaves something and then looks who sleeps, at least one sees the other.
  bool waiting() const {
    const size_t rows = waiting_rows_.load();
    return rows > 0 && !(crowded_.load() && rows <= options_.few_rows && computing_.load() > 0);
  }
  // Whether requests crowd and so few rows wait that it pays to let others bring more first.
  bool gathering() const {
    const size_t rows = waiting_rows_.load();
    return crowded_.load() && rows > 0 && rows < 2 * options_.few_rows;
  }
  const BatcherOptions& options() const { return options_; }

  // Lets the threads answer what waits, and ends them. Nothing is pushed after it.
  void Stop();

 private:
  struct Line {
    Job* first = nullptr;
    Job* last = nullptr;
  };

  void Loop(const RunJobs& run);
  // The line to take from, and a batch of it; both with the mutex held.
  Line* Next();
  void Take(Line* line, std::vector<Job*>* jobs);
  void RunTaken(const RunJobs& run, const std::vector<Job*>& jobs);

  const BatcherOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Line newest_, named_;
  uint64_t order_ = 0;
  size_t jobs_ = 0;                       // inside
  size_t bytes_ = 0;                      // that they hold
  std::atomic<size_t> waiting_rows_ = 0;  // at first sight; written with the mutex held
  std::atomic<bool> crowded_ = false;     // likewise
  std::atomic<size_t> computing_ = 0;     // calls of RunWaiting that answer a batch
  size_t idle_ = 0;                       // engine threads that sleep
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tandem::serving::door
