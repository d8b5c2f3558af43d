#include "door/batcher.h"

#include <algorithm>

#include "door/example_request.h"

namespace tandem::serving::door {
namespace {

constexpr size_t kMostCounted = size_t{1} << 20;

}  // namespace

Batcher::Batcher(const BatcherOptions& options, const std::function<RunJobs()>& new_runner) : options_(options) {
  for (size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, run = new_runner()] { Loop(run); });
  }
}

Batcher::~Batcher() { Stop(); }

bool Batcher::Push(Job* job) {
  bool wake = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (jobs_ >= options_.most_jobs || (jobs_ > 0 && bytes_ + job->bytes > options_.most_bytes)) return false;
    ++jobs_;
    bytes_ += job->bytes;
    job->next_ = nullptr;
    job->order_ = order_++;
    // Far more than a request may have counts as that much: the sum stays a sum.
    job->rows_ = std::min(job->examples ? job->examples->examples : RowsAtFirstSight(job->request), kMostCounted);
    waiting_rows_ += job->rows_;
    Line& line = job->request.model.version ? named_ : newest_;
    (line.first == nullptr ? line.first : line.last->next_) = job;
    line.last = job;
    wake = idle_ > 0;
  }
  if (wake) wake_.notify_one();
  return true;
}

bool Batcher::RunWaiting(const RunJobs& run, std::vector<Job*>* room) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Line* line = Next();
    if (line == nullptr || !waiting()) return false;
    Take(line, room);
    ++computing_;
  }
  RunTaken(run, *room);
  --computing_;
  return true;
}

size_t Batcher::in_flight() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return jobs_;
}

void Batcher::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Batcher::Loop(const RunJobs& run) {
  std::vector<Job*> jobs;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      Line* line = Next();
      while (line == nullptr) {
        if (stopping_) return;
        ++idle_;
        wake_.wait(lock);
        --idle_;
        line = Next();
      }
      Take(line, &jobs);
    }
    RunTaken(run, jobs);
  }
}

Batcher::Line* Batcher::Next() {
  if (newest_.first == nullptr) return named_.first == nullptr ? nullptr : &named_;
  if (named_.first == nullptr) return &newest_;
  return newest_.first->order_ < named_.first->order_ ? &newest_ : &named_;
}

void Batcher::Take(Line* line, std::vector<Job*>* jobs) {
  jobs->clear();
  const auto version = line->first->request.model.version;
  const size_t waiting = waiting_rows_;
  const size_t sharers = std::max<size_t>(options_.threads > 0 ? options_.threads : options_.sharers, 1);
  const size_t part = std::max((waiting + sharers - 1) / sharers, options_.enough_rows);
  const size_t most = std::min(part, options_.most_rows);
  size_t rows = 0;
  while (line->first != nullptr && line->first->request.model.version == version) {
    const size_t more = line->first->rows_;
    if (!jobs->empty() && rows + more > most) break;
    rows += more;
    jobs->push_back(line->first);
    line->first = line->first->next_;
  }
  waiting_rows_ -= rows;
  crowded_ = jobs->size() > 1 && rows <= options_.enough_rows;
}

void Batcher::RunTaken(const RunJobs& run, const std::vector<Job*>& jobs) {
  size_t bytes = 0;
  for (const Job* job : jobs) bytes += job->bytes;
  run(jobs);
  const std::lock_guard<std::mutex> lock(mutex_);
  jobs_ -= jobs.size();
  bytes_ -= bytes;
}

}  // namespace tandem::serving::door
