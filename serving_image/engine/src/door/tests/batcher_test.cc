#include "door/batcher.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "core/tests/check.h"
#include "door/batch_runner.h"
#include "door/tests/fake_model.h"
#include "door/tests/request_maker.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

// A request for some rows of one user, and what became of it.
class Asked final : public Job {
 public:
  explicit Asked(int64_t user, size_t rows = 1, std::optional<int64_t> version = {}, float number = 0.0f) {
    const auto n = static_cast<int64_t>(rows);
    bytes_ = Request(version ? VersionSelector("search", *version) : Selector("search"),
                     {{"user", Int64s({n}, std::vector<int64_t>(rows, user))},
                      {"words", Strings({n, 3}, {"red"})},
                      {"numeric", Floats({n, 2}, std::vector<float>(rows * 2, number))}});
    CHECK(Parse(bytes_, &request).ok());
    bytes = bytes_.size();
    arrived = Clock::now();
  }

  void Done(const Refusal& refusal, const door::Answer* answer) override {
    refusal_ = refusal;
    if (answer != nullptr) {
      version = answer->version;
      values.assign(answer->values[0], answer->values[0] + answer->rows);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ++times;
    told_.notify_all();
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    told_.wait(lock, [this] { return times > 0; });
  }

  const Refusal& refusal() const { return refusal_; }

  int times = 0;
  VersionName version;
  std::vector<float> values;

 private:
  std::string bytes_;
  Refusal refusal_;
  std::mutex mutex_;
  std::condition_variable told_;
};

using Jobs = std::vector<std::unique_ptr<Asked>>;

// The sizes of the batches that a thread takes which comes when all of them wait.
std::vector<size_t> Batches(Batcher* batcher, const Jobs& jobs) {
  for (const auto& job : jobs) CHECK(batcher->Push(job.get()));
  std::vector<size_t> sizes;
  std::vector<Job*> room;
  const RunJobs run = [&sizes](const std::vector<Job*>& taken) {
    sizes.push_back(taken.size());
    for (Job* job : taken) job->Done(Refusal::None(), nullptr);
  };
  while (batcher->RunWaiting(run, &room)) continue;
  for (const auto& job : jobs) CHECK(job->times == 1);
  CHECK(batcher->in_flight() == 0);
  return sizes;
}

BatcherOptions Manual(size_t most_rows = 8) {
  BatcherOptions options;
  options.threads = 0;
  options.most_rows = most_rows;
  return options;
}

TEST(WhatWaitsIsTakenUpToTheLargestBatch) {
  Batcher batcher(Manual(), nullptr);
  Jobs ones, mixed;
  for (int i = 0; i < 20; ++i) ones.push_back(std::make_unique<Asked>(i));
  CHECK((Batches(&batcher, ones) == std::vector<size_t>{8, 8, 4}));
  for (size_t rows : {3, 5, 1, 8, 7, 2, 50, 50, 1}) mixed.push_back(std::make_unique<Asked>(1, rows));
  CHECK((Batches(&batcher, mixed) == std::vector<size_t>{2, 1, 1, 1, 1, 1, 1, 1}));
}

TEST(RequestsThatNameAVersionGoApart) {
  Batcher batcher(Manual(), nullptr);
  Jobs jobs;
  for (const std::optional<int64_t> version : {std::optional<int64_t>{}, {}, {7}, {}, {7}, {8}, {}, {7}}) {
    jobs.push_back(std::make_unique<Asked>(1, 1, version));
  }
  CHECK((Batches(&batcher, jobs) == std::vector<size_t>{4, 2, 1, 1}));
}

TEST(WhatIsTooMuchIsNotQueued) {
  BatcherOptions options = Manual();
  options.most_jobs = 3;
  Batcher batcher(options, nullptr);
  Jobs jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(std::make_unique<Asked>(i));
  for (int i = 0; i < 3; ++i) CHECK(batcher.Push(jobs[i].get()));
  CHECK(!batcher.Push(jobs[3].get()));
  CHECK(batcher.in_flight() == 3 && jobs[3]->times == 0);
  jobs.pop_back();
  std::vector<Job*> room;
  const RunJobs run = [&](const std::vector<Job*>& taken) {
    CHECK(batcher.in_flight() == 3);  // until they are answered
    for (Job* job : taken) job->Done(Refusal::None(), nullptr);
  };
  CHECK(batcher.RunWaiting(run, &room));
  CHECK(batcher.in_flight() == 0);

  options.most_jobs = 100;
  options.most_bytes = 1;
  Batcher tight(options, nullptr);
  Asked first(1), second(2);
  CHECK(tight.Push(&first));  // a lone one is always taken
  CHECK(!tight.Push(&second));
  CHECK(tight.RunWaiting([](const auto& taken) { taken[0]->Done(Refusal::None(), nullptr); }, &room));
}

struct Bench {
  explicit Bench(size_t most_rows = 8) : model(most_rows), runner(Options(), &model, &metrics) {}

  static RunnerOptions Options() {
    RunnerOptions options;
    options.served_name = "search";
    options.most_rows = 100;
    return options;
  }

  void Run(const std::vector<Job*>& jobs) { runner.Run(jobs); }

  FakeModel model;
  Metrics metrics;
  BatchRunner runner;
};

TEST(ABatchAnswersEachRequestWithItsRows) {
  Bench bench;
  bench.model.Publish({3, 1});
  bench.model.Publish({3, 2});
  Asked one(5), three(7, 3), old(9, 2, 3'000'000'001), large(11, 30);
  bench.Run({&one, &three});
  bench.Run({&old});
  bench.Run({&large});
  CHECK(bench.model.runs == 6 && bench.model.largest == 8);
  CHECK((one.values == std::vector<float>{FakeModel::Answer(5, {3, 2})}));
  CHECK((three.values == std::vector<float>(3, FakeModel::Answer(7, {3, 2}))));
  CHECK((old.values == std::vector<float>(2, FakeModel::Answer(9, {3, 1}))) && old.version.text() == "3.1");
  CHECK((large.values == std::vector<float>(30, FakeModel::Answer(11, {3, 2}))));
  const std::string text = bench.metrics.Text(0);
  CHECK(text.find("tandem_engine_batches_total 3\n") != std::string::npos);
  CHECK(text.find("tandem_engine_rows_total 36\n") != std::string::npos);
  CHECK(text.find("tandem_engine_stage_seconds_count{stage=\"queue\"} 4\n") != std::string::npos);
}

TEST(AWrongRequestDoesNotSpoilTheBatchThatItIsIn) {
  Bench bench;
  bench.model.Publish({3, 1});
  Asked good(5), late(6), other(7), infinite(8, 2, {}, 1e38f), last(9, 2);
  late.deadline = Clock::now();
  other.request.model.name = "ads";
  bench.Run({&good, &late, &other, &infinite, &last});
  CHECK(good.refusal().ok() && good.values[0] == FakeModel::Answer(5, {3, 1}));
  CHECK(late.refusal().code == Code::kDeadlineExceeded);
  CHECK(other.refusal().code == Code::kNotFound);
  CHECK(infinite.refusal().code == Code::kInternal);
  CHECK(infinite.refusal().why ==
        "output 'cvr' is not finite in row 0; its numeric inputs are far outside of what the model knows");
  CHECK(last.refusal().ok() && last.values[1] == FakeModel::Answer(9, {3, 1}));
  for (const Asked* job : {&good, &late, &other, &infinite, &last}) CHECK(job->times == 1);
}

TEST(WhatCantBeAnsweredSaysWhy) {
  Bench bench;
  Asked early(1), wrong(1);
  wrong.request.model.name = "ads";
  bench.Run({&early, &wrong});
  CHECK(early.refusal().code == Code::kUnavailable && wrong.refusal().code == Code::kNotFound);
  bench.model.Publish({3, 1});
  Asked absent(1, 1, 17);
  bench.Run({&absent});
  CHECK(absent.refusal().code == Code::kNotFound);
  bench.model.broken = true;
  Asked failed(1), empty(1, 0);
  bench.Run({&failed});
  CHECK(failed.refusal().why == "version 3.1 can't answer this request: the fake is broken");
  bench.Run({&empty});
  CHECK(empty.refusal().ok() && empty.values.empty());
}

TEST(NoAnswerMixesVersionsAndNoneIsLostWhileManyThreadsAsk) {
  FakeModel model(16);
  Metrics metrics;
  model.Publish({3, 0});
  RunnerOptions options = Bench::Options();
  BatcherOptions batching;
  batching.threads = 3;
  batching.most_rows = 16;
  Batcher batcher(batching, [&]() -> RunJobs {
    auto runner = std::make_shared<BatchRunner>(options, &model, &metrics);
    return [runner](const std::vector<Job*>& jobs) { runner->Run(jobs); };
  });
  constexpr int kClients = 4, kRequests = 200;
  std::atomic<int> wrong = 0, refused = 0;
  std::atomic<bool> done = false;
  std::thread publisher([&] {
    for (int64_t update = 1; !done && update < 500; ++update) {
      model.Publish({3, update});
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < kRequests; ++i) {
        const int64_t user = client * kRequests + i;
        const bool named = i % 5 == 0;
        Asked job(user, 1 + static_cast<size_t>(i % 20), named ? std::optional<int64_t>(3'000'000'000) : std::nullopt);
        if (!batcher.Push(&job)) {
          ++refused;
          continue;
        }
        job.Wait();
        const bool right = job.refusal().ok() && job.values.size() == 1 + static_cast<size_t>(i % 20) &&
                           (!named || job.version.update == 0);
        wrong += !right;
        for (float value : job.values) wrong += value != FakeModel::Answer(user, job.version);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  done = true;
  publisher.join();
  batcher.Stop();
  CHECK(wrong == 0 && refused == 0 && batcher.in_flight() == 0);
  CHECK(model.largest <= 16);
}

TEST(StoppingAnswersWhatWaits) {
  FakeModel model;
  Metrics metrics;
  model.Publish({3, 0});
  std::vector<std::unique_ptr<Asked>> jobs;
  {
    BatcherOptions batching;
    batching.threads = 1;
    batching.most_rows = 4;
    Batcher batcher(batching, [&]() -> RunJobs {
      auto runner = std::make_shared<BatchRunner>(Bench::Options(), &model, &metrics);
      return [runner](const std::vector<Job*>& taken) { runner->Run(taken); };
    });
    for (int i = 0; i < 50; ++i) {
      jobs.push_back(std::make_unique<Asked>(i));
      CHECK(batcher.Push(jobs.back().get()));
    }
  }
  for (const auto& job : jobs) CHECK(job->times == 1 && job->refusal().ok());
}

}  // namespace
}  // namespace tandem::serving::door
