#include "core/eviction.h"

#include <algorithm>

namespace tandem {
namespace {

struct Candidate {
  uint32_t seen;
  uint32_t row;
  int64_t key;
};

bool SeenEarlier(const Candidate& a, const Candidate& b) { return a.seen != b.seen ? a.seen < b.seen : a.key < b.key; }

}  // namespace

// A heap of the best so far, the latest seen on top; most rows are told from it by one comparison.
std::vector<uint32_t> LeastRecentlySeen(const RowStore& rows, size_t most, const std::vector<uint32_t>& stay) {
  std::vector<Candidate> best;
  const uint32_t limit = rows.limit();
  for (uint32_t row = 0; row < limit && most > 0; ++row) {
    if (rows.IsFree(row)) continue;
    const Candidate candidate{rows.seen(row).load(std::memory_order_relaxed), row, rows.key(row)};
    const bool full = best.size() == most;
    if (full && !SeenEarlier(candidate, best.front())) continue;
    if (std::binary_search(stay.begin(), stay.end(), row)) continue;
    if (full) {
      std::pop_heap(best.begin(), best.end(), SeenEarlier);
      best.pop_back();
    }
    best.push_back(candidate);
    std::push_heap(best.begin(), best.end(), SeenEarlier);
  }
  std::sort_heap(best.begin(), best.end(), SeenEarlier);
  std::vector<uint32_t> found;
  for (const Candidate& candidate : best) found.push_back(candidate.row);
  return found;
}

}  // namespace tandem
