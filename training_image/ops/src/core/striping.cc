#include "core/striping.h"

#include <cmath>

namespace tandem::striping {
namespace {

constexpr double kGreatestShare = 0.62;

}  // namespace

size_t MostUsed(int stripe, size_t entries) {
  const double share = kGreatestShare * std::exp2(-0.25 * static_cast<double>(stripe) / kStripes);
  return static_cast<size_t>(share * static_cast<double>(entries));
}

int CodeFor(int stripe, size_t keys) {
  int code = kFewest;
  while (keys * 9 > MostUsed(stripe, SizeOf(code)) * 8) ++code;
  return code;
}

}  // namespace tandem::striping
