#include "core/kept_times.h"

#include "core/tests/check.h"

namespace tandem {
namespace {

TEST(TheFirstTimeThatIsKeptIsTheCuts) {
  KeptTimes times(2);
  CHECK(times.bytes() == 8);
  CHECK(times.Covers(1) && !times.Covers(2));
  CHECK(times.Of(1, 40) == 40);  // none is kept
  times.Keep(1, 30);
  times.Keep(1, 40);
  CHECK(times.Of(1, 50) == 30);
  CHECK(times.Of(0, 50) == 50 && times.Of(2, 50) == 50);
}

TEST(TheFirstAndTheLastTimeThatThereIs) {
  KeptTimes times(2);
  times.Keep(0, 0);
  CHECK(times.Of(0, 50) == 0);
  times.Keep(1, 0xFFFFFFFFu);  // which nothing follows
  CHECK(times.Of(1, 0xFFFFFFFFu) == 0xFFFFFFFFu);
}

}  // namespace
}  // namespace tandem
