#include "core/readers.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

TEST(WhatWasRetiredIsHeldByTheCallsBeforeItOnly) {
  Readers readers;
  CHECK(readers.AllLeft(readers.Retire()));
  auto before = std::make_unique<Readers::Call>(readers);
  const uint64_t mark = readers.Retire();
  CHECK(!readers.AllLeft(mark));
  const Readers::Call after(readers);
  before.reset();
  CHECK(readers.AllLeft(mark) && !readers.AllLeft(readers.Retire()));
}

TEST(MoreCallsThanSlotsAreAllRegistered) {
  Readers readers;
  std::atomic<int> in{0}, out{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 80; ++i) {
    threads.emplace_back([&] {
      const Readers::Call call(readers);
      ++in;
      while (in < 64) std::this_thread::yield();  // all slots are taken once
      ++out;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(out == 80 && readers.AllLeft(readers.Retire()));
}

// A cell is emptied only after Synchronize; a call that found it before must find it full to its end.
TEST(SynchronizeWaitsForCallsInFlight) {
  Readers readers;
  std::atomic<int*> shared{nullptr};
  std::atomic<bool> running{true};
  std::atomic<int> wrong{0};
  std::thread reader([&] {
    while (running) {
      const Readers::Call call(readers);
      const int* cell = shared.load();
      if (cell == nullptr) continue;
      for (int i = 0; i < 100; ++i) wrong += *cell != 7;
    }
  });
  for (int i = 0; i < 2000; ++i) {
    int cell = 7;
    shared.store(&cell);
    shared.store(nullptr);
    readers.Synchronize();
    cell = 0;
  }
  running = false;
  reader.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace tandem
