#include "dense/error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tandem::serving {

double GreatestError(const std::vector<std::vector<float>>& answers, const std::vector<std::vector<float>>& right) {
  double worst = 0;
  for (size_t k = 0; k < right.size(); ++k) {
    for (size_t r = 0; r < right[k].size(); ++r) {
      const double a = answers[k][r], b = right[k][r];
      if (std::isnan(a) && std::isnan(b)) continue;
      const double error = std::abs(a - b) / std::max(1.0, std::abs(b));
      worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(worst, error);
    }
  }
  return worst;
}

}  // namespace tandem::serving
