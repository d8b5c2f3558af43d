#include "door/batch_runner.h"

#include "core/tests/check.h"
#include "door/tests/asked.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

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

}  // namespace
}  // namespace tandem::serving::door
