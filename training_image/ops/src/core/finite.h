// Whether values are finite: what a table refuses in gradients and in rows that come back.
//
// Memory:  reads memory of the caller.
// Threads: a pure function.
#pragma once

#include <cstddef>

namespace tandem {

// The index of the first element that is infinite or not a number; `size` if there is none.
size_t FirstNotFinite(const float* values, size_t size);

}  // namespace tandem
