#include "dense/tests/allocations.h"

#include <cstdlib>
#include <new>

namespace {

thread_local size_t allocations = 0;

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TANDEM_COUNTS_ALLOCATIONS 1
void* operator new(size_t bytes) {
  ++allocations;
  if (void* room = std::malloc(bytes == 0 ? 1 : bytes)) return room;
  throw std::bad_alloc();
}
void operator delete(void* room) noexcept { std::free(room); }
void operator delete(void* room, size_t) noexcept { std::free(room); }
#else
#define TANDEM_COUNTS_ALLOCATIONS 0
#endif

namespace tandem::serving::testing {

bool CountsAllocations() { return TANDEM_COUNTS_ALLOCATIONS == 1; }
size_t Allocations() { return allocations; }

}  // namespace tandem::serving::testing
