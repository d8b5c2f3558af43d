// How far answers are from the right ones.
//
// Memory:  reads the caller's.
// Threads: a pure function.
#pragma once

#include <vector>

namespace tandem::serving {

// The greatest difference, relative where the right answer is above one; NaN beside a number is infinitely far, beside
// NaN it is right. `answers` has what `right` has, by output and row.
double GreatestError(const std::vector<std::vector<float>>& answers, const std::vector<std::vector<float>>& right);

}  // namespace tandem::serving
