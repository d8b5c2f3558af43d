#include "door/batcher.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "core/tests/check.h"
#include "door/batch_runner.h"
#include "door/tests/asked.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

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

TEST(SeveralThreadsShareWhatWaits) {
  const struct {
    size_t threads, enough;
    std::vector<size_t> rows;
    size_t first;  // requests in the first batch
  } table[] = {
      {1, 4, {2, 2, 2, 2, 2, 2, 2, 2}, 8},
      {2, 4, {2, 2, 2, 2, 2, 2, 2, 2}, 4},
      {4, 4, {2, 2, 2, 2, 2, 2, 2, 2}, 2},
      {8, 4, {2, 2, 2, 2, 2, 2, 2, 2}, 2},
      {8, 1, {2, 2, 2, 2, 2, 2, 2, 2}, 1},
      {2, 4, {3, 3}, 1},
      {2, 4, {1, 3}, 2},
      {2, 4, {90, 1}, 1},
  };
  for (const auto& row : table) {
    // The threads wait at the gate with a request each, so that what the test pushes is taken after it is all there.
    FakeModel model(64);
    Metrics metrics;
    model.Publish({3, 0});
    model.Shut();
    std::mutex mutex;
    std::vector<size_t> sizes;
    BatcherOptions options;
    options.threads = row.threads;
    options.most_rows = 64;
    options.enough_rows = row.enough;
    Batcher batcher(options, [&]() -> RunJobs {
      auto runner = std::make_shared<BatchRunner>(Bench::Options(), &model, &metrics);
      return [&, runner](const std::vector<Job*>& taken) {
        {
          const std::lock_guard<std::mutex> lock(mutex);
          sizes.push_back(taken.size());
        }
        runner->Run(taken);
      };
    });
    Jobs busy, jobs;
    for (size_t i = 0; i < row.threads; ++i) {
      busy.push_back(std::make_unique<Asked>(1, 1, 3'000'000'000));
      CHECK(batcher.Push(busy.back().get()));
      model.Entered(static_cast<int>(i) + 1);
    }
    for (size_t rows : row.rows) {
      jobs.push_back(std::make_unique<Asked>(1, rows));
      CHECK(batcher.Push(jobs.back().get()));
    }
    model.Open();
    for (const auto& job : jobs) job->Wait();
    batcher.Stop();
    const std::lock_guard<std::mutex> lock(mutex);
    CHECK(*std::max_element(sizes.begin() + static_cast<int64_t>(row.threads), sizes.end()) == row.first);
    CHECK(!batcher.waiting());
  }
}

TEST(WhoeverPushesSharesWithTheOthersThatDo) {
  BatcherOptions options = Manual(64);
  options.sharers = 2;
  options.enough_rows = 4;
  Batcher batcher(options, nullptr);
  Jobs jobs;
  for (int i = 0; i < 16; ++i) jobs.push_back(std::make_unique<Asked>(i));
  CHECK((Batches(&batcher, jobs) == std::vector<size_t>{8, 4, 4}));
  CHECK(!batcher.waiting());
}

// What a second thread finds while the first one computes a batch of `first`, and what is left for the first one.
struct Left {
  bool waiting, taken, afterwards;
};

Left BesideABatch(const std::vector<size_t>& first, const std::vector<size_t>& then) {
  Batcher batcher(Manual(64), nullptr);
  Jobs jobs;
  const auto push = [&](size_t rows) {
    jobs.push_back(std::make_unique<Asked>(1, rows));
    CHECK(batcher.Push(jobs.back().get()));
  };
  const auto answer = [](const std::vector<Job*>& taken) {
    for (Job* job : taken) job->Done(Refusal::None(), nullptr);
  };
  for (size_t rows : first) push(rows);
  Left left{};
  std::vector<Job*> room, other_room;
  const RunJobs run = [&](const std::vector<Job*>& taken) {
    for (size_t rows : then) push(rows);
    left.waiting = batcher.waiting();
    left.taken = batcher.RunWaiting(answer, &other_room);
    answer(taken);
  };
  CHECK(batcher.RunWaiting(run, &room));
  left.afterwards = batcher.waiting();
  while (batcher.RunWaiting(answer, &room)) continue;
  for (const auto& job : jobs) CHECK(job->times == 1);
  return left;
}

TEST(WhileRequestsCrowdAFewRowsAreLeftToTheThreadThatComputes) {
  const struct {
    std::vector<size_t> first, then;
    bool left;
  } table[] = {
      {{1}, {1}, false},                      // nobody crowds: a lone request never waits for another
      {{1, 1}, {1}, true},                    //
      {{1, 1}, {1, 1, 1, 1, 1, 1, 1}, true},  // eight at most
      {{1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, false},
      {{1, 1}, {9}, false},
      {{16, 16}, {8}, true},
      {{16, 17}, {8}, false},  // it would take long
      {{60}, {1}, false},
  };
  for (const auto& row : table) {
    const Left found = BesideABatch(row.first, row.then);
    CHECK(found.waiting == !row.left && found.taken == !row.left && found.afterwards == row.left);
  }
}

TEST(WhileRequestsCrowdFewRowsAreGatheredFirst) {
  Batcher batcher(Manual(64), nullptr);
  const auto after = [&](size_t before, size_t waiting) {
    Jobs jobs;
    for (size_t i = 0; i < before + waiting; ++i) jobs.push_back(std::make_unique<Asked>(1));
    for (size_t i = 0; i < before; ++i) CHECK(batcher.Push(jobs[i].get()));
    std::vector<Job*> room;
    const RunJobs run = [](const std::vector<Job*>& taken) {
      for (Job* job : taken) job->Done(Refusal::None(), nullptr);
    };
    while (batcher.RunWaiting(run, &room)) continue;
    for (size_t i = before; i < before + waiting; ++i) CHECK(batcher.Push(jobs[i].get()));
    const bool gathering = batcher.gathering();
    while (batcher.RunWaiting(run, &room)) continue;
    return gathering;
  };
  CHECK(!after(1, 1));
  CHECK(!after(2, 0));
  CHECK(after(2, 1) && after(2, 15));
  CHECK(!after(2, 16));
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
