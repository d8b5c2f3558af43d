#include "core/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <new>

#include "core/pages.h"

namespace tandem {
namespace {

constexpr size_t kSmallStep = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSmallestPage = size_t{4} << 10;
constexpr size_t kMostAhead = size_t{8} << 20;

size_t RoundUp(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

// How far beyond what is reached pages are made ready: a thirty-second, so that memory stays within its bound, and
// nothing as long as a page would be a good part of the whole.
size_t Ahead(size_t reached) { return reached < 4 * kHugePage ? 0 : std::clamp(reached / 32, kHugePage, kMostAhead); }

void RaiseTo(std::atomic<size_t>& value, size_t to) {
  size_t now = value.load(std::memory_order_relaxed);
  while (now < to && !value.compare_exchange_weak(now, to, std::memory_order_release)) {
  }
}

void* Reserve(size_t bytes, int access) {
  return mmap(nullptr, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

// Has the system put pages there, without a change to what they hold, whoever else writes there at the same time: the
// bus makes an OR with nothing atomic. By faults and not by MADV_POPULATE_WRITE, since that holds the lock of all of the
// process's mappings while it zeroes: malloc in another thread then waited 30 ms, and with faults it waits 0.04 ms.
void Touch(char* begin, const char* end) {
  for (char* page = begin; page < end; page += kSmallestPage) asm volatile("lock orb $0, %0" : "+m"(*page));
}

}  // namespace

size_t PhysicalMemory() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

Arena::Access Arena::AccessHere() {
  static const Access access = [] {
    char policy = '2';
    std::ifstream("/proc/sys/vm/overcommit_memory") >> policy;
    return policy == '2' ? kStepByStep : kAtOnce;
  }();
  return access;
}

Arena::Arena(size_t max_bytes, Pace pace, Access access) : pace_(pace), max_bytes_(RoundUp(max_bytes, kHugePage)) {
  void* mapping;
  while ((mapping = Reserve(max_bytes_ + kHugePage, access == kAtOnce ? PROT_READ | PROT_WRITE : PROT_NONE)) ==
         MAP_FAILED) {
    if (max_bytes_ <= kHugePage) throw std::bad_alloc();
    max_bytes_ = RoundUp(max_bytes_ / 2, kHugePage);
  }
  mapping_ = static_cast<char*>(mapping);
  mapping_bytes_ = max_bytes_ + kHugePage;
  base_ = mapping_ + (kHugePage - reinterpret_cast<uintptr_t>(mapping_) % kHugePage) % kHugePage;
  if (access == kAtOnce) open_ = max_bytes_;
  // Advice only: where huge pages are switched off, small ones do.
  if (max_bytes_ > kHugePage) madvise(base_ + kHugePage, max_bytes_ - kHugePage, MADV_HUGEPAGE);
}

Arena::~Arena() {
  ForgetPagesOf(this);
  munmap(mapping_, mapping_bytes_);
}

// Where access is opened step by step, an eighth further than asked, since page faults of other threads have to wait for
// it. Opening twice what another thread has just opened does no harm, so nobody waits for anybody.
bool Arena::Open(size_t bytes) {
  const size_t open = open_.load(std::memory_order_acquire);
  if (bytes <= open) return true;
  const size_t to = std::min(max_bytes_, RoundUp(bytes + bytes / 8, kHugePage));
  if (mprotect(base_ + open, to - open, PROT_READ | PROT_WRITE) != 0) return false;
  RaiseTo(open_, to);
  return true;
}

bool Arena::Reach(size_t bytes) {
  if (bytes > max_bytes_) return false;
  if (!Open(bytes)) return false;
  RaiseTo(ready_, std::min(max_bytes_, RoundUp(bytes, bytes <= kHugePage ? kSmallStep : kHugePage)));
  if (pace_ == kAsReached) return true;
  const size_t ahead = Ahead(bytes);
  if (ready() < std::min(max_bytes_, bytes + ahead)) {  // a page at a time, so that work is spread over many calls
    coming_.store(std::min(max_bytes_, RoundUp(bytes + ahead, kHugePage)), std::memory_order_relaxed);
    PreparePagesOf(this);
  }
  return true;
}

bool Arena::PrepareAhead() {
  const size_t to = coming_.load(std::memory_order_relaxed), at = ready();
  if (at >= to) return false;
  const size_t end = std::min(to, RoundUp(at + 1, kHugePage));
  if (!Open(end)) return false;
  Touch(base_ + at, base_ + end);
  RaiseTo(ready_, end);
  return ready() < to;
}

}  // namespace tandem
