#include "rows/row_edit.h"

#include <algorithm>
#include <new>

namespace tandem::serving {
namespace {

bool IsRow(NodeWord word) { return SlotOf(word) != 0 && !IsRemoved(word); }

Status NoMemory() { return Status::Refused("there is no memory for what it changes"); }

}  // namespace

RowEdit::RowEdit(RowTable* table, int line, uint32_t epoch)
    : table_(table), line_(static_cast<size_t>(line)), epoch_(epoch), rows_before_(table->rows_[line_]) {}

RowEdit::~RowEdit() {
  if (committed_) return;
  for (auto key = log_.rbegin(); key != log_.rend(); ++key) Undo(*key);
  auto& superseded = table_->superseded_[line_];
  while (!superseded.empty() && superseded.back().epoch == epoch_) superseded.pop_back();
  table_->rows_[line_] = rows_before_;
}

// The node that the line's newest version sees, this edit's changes included.
NodeWord RowEdit::Now(const std::atomic<NodeWord>* entry) const {
  return entry == nullptr ? kNoNode : table_->Visible(entry->load(std::memory_order_relaxed), {bit(), epoch_});
}

// Puts a node in front of a chain, of a row or (nullptr) of its absence; false if there is no memory. What may throw
// comes before what readers can reach, and the log knows of it by then.
bool RowEdit::Write(int64_t key, uint64_t hash, std::atomic<NodeWord>* entry, bool had_row, const float* row) {
  const NodeWord first = entry == nullptr ? kNoNode : entry->load(std::memory_order_relaxed);
  if (had_row) table_->superseded_[line_].push_back({key, epoch_});
  log_.push_back(key);
  const uint32_t slot = row == nullptr ? table_->memory_.TakeEmpty(first) : table_->memory_.Take(row, first);
  if (slot == 0) {
    log_.pop_back();
    return false;
  }
  const NodeWord node = NodeOf(slot, epoch_, row == nullptr, bit());
  if (entry != nullptr) {
    table_->index_.Publish(entry, hash, node);
  } else if (!table_->index_.Add(key, hash, node)) {
    log_.pop_back();
    table_->memory_.Retire(slot);
    return false;
  }
  table_->rows_[line_] = table_->rows_[line_] + (row != nullptr) - had_row;
  return true;
}

Status RowEdit::Put(const int64_t* keys, const float* values, size_t n) try {
  constexpr size_t kAhead = 16;
  for (size_t i = 0; i < n; ++i) {
    if (i + kAhead < n) table_->index_.Prefetch(keys[i + kAhead]);
    const uint64_t hash = RowIndex::HashOf(keys[i]);
    const float* row = values + i * table_->dim();
    std::atomic<NodeWord>* entry = table_->index_.Find(keys[i], hash);
    const NodeWord now = Now(entry);
    if (IsRow(now) && table_->Equal(SlotOf(now), row)) continue;
    if (!Write(keys[i], hash, entry, IsRow(now), row)) return NoMemory();
  }
  return Status();
} catch (const std::bad_alloc&) {
  return NoMemory();
}

Status RowEdit::RemoveAt(int64_t key, uint64_t hash, std::atomic<NodeWord>* entry) {
  if (!IsRow(Now(entry))) return Status();
  return Write(key, hash, entry, true, nullptr) ? Status() : NoMemory();
}

Status RowEdit::Remove(const int64_t* keys, size_t n) try {
  for (size_t i = 0; i < n; ++i) {
    const uint64_t hash = RowIndex::HashOf(keys[i]);
    if (Status status = RemoveAt(keys[i], hash, table_->index_.Find(keys[i], hash)); !status.ok()) return status;
  }
  return Status();
} catch (const std::bad_alloc&) {
  return NoMemory();
}

// Where the line sees as many rows as there are keys, these are all.
Status RowEdit::RemoveAllBut(const int64_t* keys, size_t n) try {
  Status status;
  for (int stripe = 0; stripe < RowIndex::kStripes && table_->rows_[line_] > n && status.ok(); ++stripe) {
    table_->index_.ForEach(stripe, [&](int64_t key, uint64_t hash, std::atomic<NodeWord>* entry) {
      if (status.ok() && !std::binary_search(keys, keys + n, key)) status = RemoveAt(key, hash, entry);
    });
  }
  return status;
} catch (const std::bad_alloc&) {
  return NoMemory();
}

// The change's node is the first of its chain, since nobody else wrote. Readers may be passing over it.
void RowEdit::Undo(int64_t key) {
  const uint64_t hash = RowIndex::HashOf(key);
  std::atomic<NodeWord>* entry = table_->index_.Find(key, hash);
  const uint32_t slot = SlotOf(entry->load(std::memory_order_relaxed));
  table_->index_.Publish(entry, hash, table_->memory_.older(slot).load(std::memory_order_relaxed));
  table_->memory_.Retire(slot);
}

}  // namespace tandem::serving
