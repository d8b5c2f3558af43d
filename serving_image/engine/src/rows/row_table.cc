#include "rows/row_table.h"

#include <algorithm>
#include <cstring>

namespace tandem::serving {

RowTable::RowTable(size_t dim, size_t max_rows, Readers* readers) : index_(readers), memory_(dim, max_rows, readers) {}

const float* RowTable::Find(View view, int64_t key) const {
  const std::atomic<NodeWord>* entry = index_.Find(key, RowIndex::HashOf(key));
  if (entry == nullptr) return nullptr;
  const NodeWord word = Visible(entry->load(std::memory_order_seq_cst), view);
  return SlotOf(word) == 0 || IsRemoved(word) ? nullptr : memory_.row(SlotOf(word));
}

// Bits, not values: 0.0 and -0.0 are different rows.
bool RowTable::Equal(uint32_t slot, const float* values) const {
  return std::memcmp(memory_.row(slot), values, dim() * sizeof(float)) == 0;
}

// Gives the line a share in a node with these values, wherever in the chain; false if there is none. Nobody reads with
// the line yet, so the store need not be seen at once.
bool RowTable::Share(std::atomic<NodeWord>* entry, uint64_t hash, uint32_t line, const float* values) {
  std::atomic<NodeWord>* at = entry;
  for (NodeWord word = at->load(std::memory_order_relaxed); SlotOf(word) != 0;) {
    if (LinesOf(word) != 0 && !IsRemoved(word) && Equal(SlotOf(word), values)) {
      const NodeWord shared = WithLines(word, LinesOf(word) | line);
      if (at == entry) {
        index_.Publish(entry, hash, shared);
      } else {
        at->store(shared, std::memory_order_seq_cst);
      }
      return true;
    }
    at = &memory_.older(SlotOf(word));
    word = at->load(std::memory_order_relaxed);
  }
  return false;
}

Status RowTable::Load(int line, uint32_t epoch, const int64_t* keys, const float* values, size_t n) {
  constexpr size_t kAhead = 16;
  for (size_t i = 0; i < n; ++i) {
    if (i + kAhead < n) index_.Prefetch(keys[i + kAhead]);
    const uint64_t hash = RowIndex::HashOf(keys[i]);
    const float* row = values + i * dim();
    std::atomic<NodeWord>* entry = index_.Find(keys[i], hash);
    if (entry == nullptr || !Share(entry, hash, BitOf(line), row)) {
      const uint32_t slot = memory_.Take(row, entry == nullptr ? kNoNode : entry->load(std::memory_order_relaxed));
      if (slot == 0) return Status::Refused("there is no memory for one more row");
      const NodeWord node = NodeOf(slot, epoch, false, BitOf(line));
      if (entry != nullptr) {
        index_.Publish(entry, hash, node);
      } else if (!index_.Add(keys[i], hash, node)) {
        memory_.Retire(slot);
        return Status::Refused("there is no memory for the index of its keys");
      }
    }
    ++rows_[static_cast<size_t>(line)];
  }
  return Status();
}

// Writes what TrimChain decided from the last node to the first, so that readers find a whole chain at any moment.
// A node that goes keeps its own word of what it superseded until nobody reads it.
void RowTable::Trim(const Floors& floors, uint64_t hash, std::atomic<NodeWord>* entry) {
  chain_.clear();
  for (NodeWord word = entry->load(std::memory_order_relaxed); SlotOf(word) != 0;
       word = memory_.older(SlotOf(word)).load(std::memory_order_relaxed)) {
    chain_.push_back(word);
  }
  trimmed_ = chain_;
  TrimChain(floors, &trimmed_);
  NodeWord behind = kNoNode;
  for (size_t i = chain_.size(); i-- > 0;) {
    const uint32_t slot = SlotOf(chain_[i]);
    if (LinesOf(trimmed_[i]) == 0) {
      memory_.Retire(slot);
      continue;
    }
    std::atomic<NodeWord>& older = memory_.older(slot);
    if (older.load(std::memory_order_relaxed) != behind) older.store(behind, std::memory_order_seq_cst);
    behind = trimmed_[i];
  }
  if (entry->load(std::memory_order_relaxed) != behind) index_.Publish(entry, hash, behind);
}

bool RowTable::Reclaim(const Floors& floors, size_t limit) {
  bool more = false;
  for (size_t line = 0; line < kLines; ++line) {
    std::deque<Superseded>& queue = superseded_[line];
    for (; limit > 0 && !queue.empty() && queue.front().epoch <= floors.epochs[line]; --limit, queue.pop_front()) {
      const uint64_t hash = RowIndex::HashOf(queue.front().key);
      std::atomic<NodeWord>* entry = index_.Find(queue.front().key, hash);
      if (entry != nullptr) Trim(floors, hash, entry);
    }
    more = more || (!queue.empty() && queue.front().epoch <= floors.epochs[line]);
  }
  index_.Collect();
  memory_.Collect();
  return more;
}

void RowTable::Sweep(const Floors& floors, int stripe) {
  for (int line = 0; line < kLines; ++line) {
    if ((floors.gone & BitOf(line)) == 0) continue;
    superseded_[static_cast<size_t>(line)].clear();
    rows_[static_cast<size_t>(line)] = 0;
  }
  index_.ForEach(stripe, [&](int64_t, uint64_t hash, std::atomic<NodeWord>* entry) { Trim(floors, hash, entry); });
}

RowBytes RowTable::bytes() const {
  RowBytes bytes{memory_.bytes_used() + index_.bytes_used(), memory_.bytes_reserved() + index_.bytes_reserved()};
  for (const auto& queue : superseded_) bytes.reserved += queue.size() * sizeof(Superseded);
  return bytes;
}

}  // namespace tandem::serving
