#include "rows/turn.h"

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/tests/check.h"

namespace tandem::serving {
namespace {

// One gives its turn back and asks again at once, behind two who wait.
TEST(TurnsAreGivenInTheOrderAsked) {
  Turn turn;
  std::string order;
  std::vector<std::thread> others;
  turn.lock();
  for (const char name : {'a', 'b'}) {
    others.emplace_back([&turn, &order, name] {
      const std::lock_guard<Turn> lock(turn);
      order += name;
    });
    while (turn.waiting() != others.size()) std::this_thread::yield();
  }
  turn.unlock();
  {
    const std::lock_guard<Turn> lock(turn);
    order += 'm';
  }
  for (std::thread& other : others) other.join();
  CHECK(order == "abm" && turn.waiting() == 0);
}

TEST(OneAtATime) {
  Turn turn;
  int holders = 0, wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        const std::lock_guard<Turn> lock(turn);
        wrong += ++holders != 1;
        --holders;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0 && holders == 0);
}

}  // namespace
}  // namespace tandem::serving
