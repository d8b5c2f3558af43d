#include "dense/bfloat16.h"

#include <cmath>
#include <limits>

#include "core/tests/check.h"

namespace tandem::serving {
namespace {

TEST(a_float_is_rounded_to_its_upper_half) {
  const float tie = 0x1p-8f;  // half of what the last bit of 1 counts
  const struct {
    float x;
    uint16_t bits;
  } cases[] = {{0.0f, 0},
               {-0.0f, 0x8000},
               {1.0f, 0x3f80},
               {1 + tie, 0x3f80},
               {1 + tie + 0x1p-20f, 0x3f81},
               {1 + 3 * tie, 0x3f82},
               {-1 - 3 * tie, 0xbf82},
               {std::numeric_limits<float>::infinity(), 0x7f80},
               {std::numeric_limits<float>::max(), 0x7f80}};
  for (const auto& one : cases) CHECK(ToBfloat16(one.x) == one.bits);
}

TEST(nan_is_never_rounded_to_infinity) {
  uint32_t bits = 0x7f800001;  // signalling, all of it in the lower half
  float nan;
  std::memcpy(&nan, &bits, sizeof nan);
  for (float x : {nan, std::nanf("")}) CHECK((ToBfloat16(x) & 0x7f80) == 0x7f80 && (ToBfloat16(x) & 0x7f) != 0);
}

TEST(rows_lose_their_gaps) {
  const float matrix[] = {1, 2, 9, 9, 3, 4};
  uint16_t out[4];
  RowsToBfloat16(2, 2, {matrix, 4}, out);
  CHECK(out[0] == 0x3f80 && out[1] == 0x4000 && out[2] == 0x4040 && out[3] == 0x4080);
}

}  // namespace
}  // namespace tandem::serving
