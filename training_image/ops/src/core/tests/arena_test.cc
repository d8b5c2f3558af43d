#include "core/arena.h"

#include <cstring>

#include "core/tests/check.h"

namespace tandem {
namespace {

constexpr size_t kPage = size_t{2} << 20;

bool AllAre(const char* bytes, size_t size, char value) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

void Grow(Arena::Access access) {
  Arena arena(16 * kPage, Arena::kAhead, access);
  for (const size_t bytes : {size_t{1}, size_t{70000}, kPage, kPage + 1, 9 * kPage, 16 * kPage}) {
    CHECK(arena.Reach(bytes));
    CHECK(arena.ready() >= bytes);
    CHECK(arena.ready() <= 16 * kPage);
    std::memset(arena.base(), 7, bytes);
  }
  CHECK(!arena.Reach(16 * kPage + 1));
  CHECK(AllAre(arena.base(), 16 * kPage, 7));
}

TEST(AnArenaGrowsWhetherItIsOpenAtOnceOrStepByStep) {
  Grow(Arena::kAtOnce);
  Grow(Arena::kStepByStep);
}

TEST(PagesMadeReadyAreZeroAndCounted) {
  Arena arena(64 * kPage, Arena::kAhead);
  CHECK(arena.Reach(8 * kPage));
  while (arena.PrepareAhead()) {
  }
  CHECK(arena.ready() > 8 * kPage);
  CHECK(arena.ready() <= 12 * kPage);
  const size_t ready = arena.ready();
  CHECK(arena.Reach(ready));
  CHECK(AllAre(arena.base(), ready, 0));
}

// The thread of the pages and a writer meet on the same pages.
TEST(PagesMadeReadyKeepWhatIsWrittenMeanwhile) {
  constexpr size_t kPages = 24;
  Arena arena(kPages * kPage, Arena::kAhead);
  for (size_t at = 0; at < kPages * kPage; at += kPage / 16) {
    CHECK(arena.Reach(at + kPage / 16));
    std::memset(arena.base() + at, static_cast<char>(1 + at % 125), kPage / 16);
  }
  for (size_t at = 0; at < kPages * kPage; at += kPage / 16) {
    CHECK(AllAre(arena.base() + at, kPage / 16, static_cast<char>(1 + at % 125)));
  }
}

TEST(AnArenaMayEndWhileItsPagesAreMadeReady) {
  for (int i = 0; i < 20; ++i) {
    Arena arena(256 * kPage, Arena::kAhead);
    CHECK(arena.Reach(128 * kPage));
  }
}

TEST(AnArenaTakesWhatAddressesThereAre) {
  const Arena arena(size_t{1} << 60, Arena::kAsReached);
  CHECK(arena.max_bytes() >= kPage);
  CHECK(arena.max_bytes() < size_t{1} << 60);
}

}  // namespace
}  // namespace tandem
