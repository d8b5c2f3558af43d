#include "core/finite.h"

#include <limits>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

TEST(TheFirstNumberThatIsNotFiniteIsFound) {
  const float bad[] = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                       std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::signaling_NaN()};
  for (const size_t size : {1, 7, 8, 255, 256, 257, 1000}) {
    std::vector<float> values(size, std::numeric_limits<float>::max());
    values[size / 2] = -std::numeric_limits<float>::denorm_min();
    CHECK(FirstNotFinite(values.data(), size) == size);
    for (const float spoiled : bad) {
      for (const size_t at : {size_t{0}, size / 2, size - 1}) {
        std::vector<float> spoilt = values;
        spoilt[size - 1] = spoiled;
        spoilt[at] = spoiled;
        CHECK(FirstNotFinite(spoilt.data(), size) == at);
      }
    }
  }
  CHECK(FirstNotFinite(nullptr, 0) == 0);
}

}  // namespace
}  // namespace tandem
