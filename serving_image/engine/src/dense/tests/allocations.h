// How often the calling thread has asked for memory: the test program's own operator new counts.
//
// Memory:  one counter per thread.
// Threads: any.
#pragma once

#include <cstddef>

namespace tandem::serving::testing {

// Whether this build counts: sanitizers have their own operator new.
bool CountsAllocations();
size_t Allocations();

}  // namespace tandem::serving::testing
