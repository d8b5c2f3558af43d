// What a call took without what was stolen, over the cases; exits with the number of the first that is wrong, 0 for
// none.
#include <cstddef>

#include "thread_clocks.h"

int main() {
  struct Case {
    const char* name;
    bench::Moment after;
    int64_t expected;
  };
  constexpr bench::Moment kBefore{10, 2, 1, 4};
  constexpr Case kCases[] = {
      {"ran all the time", {13, 5, 1, 4}, 3},
      {"was stolen two of three", {13, 3, 1, 4}, 1},
      {"waited for its turn: counts", {14, 3, 3, 4}, 3},
      {"paused, for a lock perhaps: all counts", {13, 3, 1, 5}, 3},
      {"clocks that differ by a hair: never more than passed", {13, 6, 1, 4}, 3},
  };
  int number = 0;
  for (const Case& c : kCases) {
    ++number;
    if (bench::Took(kBefore, c.after) != c.expected) return number;
  }
  const bench::ThreadClocks clocks;
  if (!clocks.ok()) return ++number;
  const bench::Moment before = clocks.Read();
  volatile size_t sum = 0;
  for (size_t i = 0; i < 3'000'000; ++i) sum = sum + i;
  const bench::Moment after = clocks.Read();
  const int64_t took = bench::Took(before, after);
  return after.ran > before.ran && took > 0 && took <= after.wall - before.wall ? 0 : number + 2;
}
