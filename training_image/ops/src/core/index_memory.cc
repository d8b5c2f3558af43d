#include "core/index_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>

namespace tandem {
namespace {

constexpr size_t kUnit = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPageUnits = kHugePage / kUnit;
constexpr size_t kAlignment = 256;

size_t RoundUp(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

}  // namespace

void* IndexMemory::Take(size_t bytes) {
  void* block;
  if (bytes < kUnit) {
    block = std::aligned_alloc(kAlignment, RoundUp(bytes, kAlignment));
    if (block == nullptr) throw std::bad_alloc();
    const std::lock_guard<std::mutex> lock(mutex_);
    bytes_ += RoundUp(bytes, kAlignment);
  } else {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (arena_ == nullptr) arena_ = std::make_unique<Arena>(PhysicalMemory() / 2, Arena::kAsReached);
    block = arena_->base() + TakeUnits(RoundUp(bytes, kUnit) / kUnit) * kUnit;
  }
  std::memset(block, 0, bytes);
  return block;
}

void IndexMemory::Give(void* block, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bytes < kUnit) {
    std::free(block);
    bytes_ -= RoundUp(bytes, kAlignment);
  } else {
    GiveUnits(static_cast<size_t>(static_cast<char*>(block) - arena_->base()) / kUnit, RoundUp(bytes, kUnit) / kUnit);
  }
}

// The first hole that is long enough, or what lies behind all.
size_t IndexMemory::TakeUnits(size_t units) {
  const auto hole = std::find_if(holes_.begin(), holes_.end(), [units](const auto& h) { return h.second >= units; });
  if (hole == holes_.end()) {
    if (!arena_->Reach((end_ + units) * kUnit)) throw std::bad_alloc();
    in_use_.resize((end_ + units + kPageUnits - 1) / kPageUnits);
    end_ += units;
    CountPages(end_ - units, units, 1);
    return end_ - units;
  }
  const auto [first, length] = *hole;
  if (length > units) holes_.emplace(first + units, length - units);
  holes_.erase(first);
  CountPages(first, units, 1);
  return first;
}

void IndexMemory::GiveUnits(size_t first, size_t units) {
  CountPages(first, units, -1);
  auto next = holes_.lower_bound(first);
  if (next != holes_.end() && next->first == first + units) {
    units += next->second;
    next = holes_.erase(next);
  }
  if (next != holes_.begin() && std::prev(next)->first + std::prev(next)->second == first) {
    std::prev(next)->second += units;
  } else {
    holes_.emplace(first, units);
  }
}

// A huge page is held as long as one of its units is in use.
void IndexMemory::CountPages(size_t first, size_t units, int change) {
  for (size_t at = first; at < first + units;) {
    const size_t page = at / kPageUnits;
    const size_t next = std::min(first + units, (page + 1) * kPageUnits);
    const size_t before = in_use_[page];
    in_use_[page] = static_cast<uint16_t>(change > 0 ? before + (next - at) : before - (next - at));
    if (before == 0) bytes_ += kHugePage;
    if (in_use_[page] == 0) {
      bytes_ -= kHugePage;
      madvise(arena_->base() + page * kHugePage, kHugePage, MADV_DONTNEED);
    }
    at = next;
  }
}

size_t IndexMemory::bytes_reserved() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

}  // namespace tandem
