#include "dense/call_graph.h"

#include "core/tests/check.h"

namespace tandem::serving {
namespace {

using Clock = CallGraph<int>::Clock;

// Each version's results are its number.
std::shared_ptr<const int> Of(int version) { return std::make_shared<const int>(version); }

struct Call {
  double at;    // seconds
  int version;  // that it answers from
  int takes;    // whose results it answers with
};

void CheckCalls(Intervals intervals, const std::vector<Call>& calls) {
  Clock::time_point now;
  CallGraph<int> graph(intervals, [&now] { return now; });
  for (const Call& call : calls) {
    now = Clock::time_point() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(call.at));
    CHECK(*graph.Next(Of(call.version)) == call.takes);
  }
}

TEST(without_intervals_the_first_results_serve_for_ever) { CheckCalls({0, 0}, {{0, 1, 1}, {1e6, 2, 1}, {2e6, 9, 1}}); }

TEST(every_call_takes_its_own) { CheckCalls({1, 0}, {{0, 1, 1}, {0, 2, 2}, {0, 2, 2}, {0, 3, 3}}); }

TEST(results_serve_their_calls) {
  CheckCalls({3, 0}, {{0, 1, 1}, {0, 2, 1}, {9, 2, 1}, {9, 3, 3}, {9, 4, 3}, {9, 4, 3}, {9, 4, 4}});
}

TEST(results_serve_for_less_than_their_seconds) {
  CheckCalls({0, 0.5}, {{3, 1, 1}, {3.4999, 2, 1}, {3.5, 2, 2}, {3.9, 3, 2}, {5, 4, 4}});
}

TEST(whichever_comes_first) {
  CheckCalls({2, 9}, {{0, 1, 1}, {0, 2, 1}, {0.1, 2, 2}});
  CheckCalls({9, 0.5}, {{0, 1, 1}, {1, 2, 2}});
}

TEST(a_clock_that_went_back_makes_results_too_old_where_time_counts) {
  CheckCalls({0, 0.5}, {{3, 1, 1}, {2.9, 2, 2}});
  CheckCalls({3, 0}, {{3, 1, 1}, {2.9, 2, 1}});
}

}  // namespace
}  // namespace tandem::serving
