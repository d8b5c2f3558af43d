// Restore and LoadRows: rows that come from outside, checked before anything is touched.
#include <algorithm>
#include <string>

#include "core/row_copy.h"
#include "core/table_parts.h"

namespace tandem {

// Under the step mutex.
Status Table::CheckLoad(size_t rows) const {
  if (changes_.cut_open()) {
    return Status::Refused(
        "a snapshot or delta of this table is being read: finish it or drop it before rows are loaded");
  }
  if (rows > max_rows_) {
    return Status::Refused("max_bytes (" + std::to_string(options_.max_bytes) + ") has room for " +
                           std::to_string(max_rows_) + " rows, and there would be " + std::to_string(rows) +
                           ": load them into a table with more");
  }
  return Status();
}

// Writes row `at` of `rows` over the row of its key, or into a new one. Under the step mutex and alone among births.
void Table::Write(const RowsView& rows, size_t at, bool mark_dirty, Places* places, Changes::Loading* loading) {
  const int64_t key = rows.keys[at];
  const int stripe = StripedIndex::StripeOf(StripedIndex::HashOf(key));
  const float* values = rows.values + at * options_.dim;
  const float* slots = rows.slots + at * rows_.slot_floats();
  const Readers::Call call(readers_);
  const std::lock_guard<std::mutex> lock(index_.mutex(stripe));
  const int64_t handle = index_.Find(key);
  if (handle == kNoHandle) index_.MakeRoom(stripe);
  const uint32_t row = handle == kNoHandle ? places->Next() : RowOf(handle);
  if (row == kNoRow) throw std::bad_alloc();
  if (handle != kNoHandle && mark_dirty) changes_.Touch(row);
  if (handle == kNoHandle) rows_.key(row) = key;  // of a row that lives, others may be reading it
  StoreRow(rows_.Values(row), options_.dim, values);
  std::copy_n(slots, rows_.slot_floats(), rows_.Slots(row));
  rows_.steps(row) = static_cast<uint32_t>(rows.steps[at]);
  loading->Seen(static_cast<uint32_t>(rows.seen[at]));
  rows_.seen(row).store(static_cast<uint32_t>(rows.seen[at]), std::memory_order_relaxed);
  if (!mark_dirty) {
    loading->Loaded(row, key);
  } else if (handle == kNoHandle) {
    changes_.Born(row, key);
  }
  if (handle == kNoHandle) index_.Insert(key, rows_.HandleOf(row));
}

Status Table::Restore(const RowsView& rows) {
  if (Status status = CheckRows(rows, options_.dim, options_.optimizer); !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(step_mutex_);
  const std::unique_lock<std::shared_mutex> births(births_mutex_);
  if (Status status = CheckLoad(rows.size); !status.ok()) return status;
  Changes::Loading loading(&changes_, &readers_);
  {
    Departures leaving(this);
    const uint32_t limit = rows_.limit();
    for (uint32_t row = 0; row < limit; ++row) {
      if (!rows_.IsFree(row)) leaving.AddUnmarked(row);
    }
  }
  changes_.Clear();
  Places places(&rows_, rows.size);
  for (size_t i = 0; i < rows.size; ++i) Write(rows, i, false, &places, &loading);
  index_.Collect();
  return Status();
}

Status Table::LoadRows(const RowsView& rows, const int64_t* removed, size_t removed_size, bool mark_dirty) {
  if (Status status = CheckRows(rows, options_.dim, options_.optimizer); !status.ok()) return status;
  if (Status status = CheckKeysAscend("removed", removed, removed_size); !status.ok()) return status;
  for (size_t i = 0; i < removed_size; ++i) {
    if (std::binary_search(rows.keys, rows.keys + rows.size, removed[i])) {
      return Status::Refused("removed[" + std::to_string(i) + "] (key " + std::to_string(removed[i]) +
                             ") is among keys too");
    }
  }
  const std::lock_guard<std::mutex> lock(step_mutex_);
  const std::unique_lock<std::shared_mutex> births(births_mutex_);
  size_t fresh = 0, gone = 0;
  for (size_t i = 0; i < rows.size && options_.max_bytes != 0; ++i) fresh += Find(rows.keys[i]) == kNoHandle;
  for (size_t i = 0; i < removed_size && options_.max_bytes != 0; ++i) gone += Find(removed[i]) != kNoHandle;
  if (Status status = CheckLoad(fresh == 0 ? 0 : Size() - gone + fresh); !status.ok()) return status;
  Changes::Loading loading(&changes_, &readers_);
  {
    Departures leaving(this);
    for (size_t i = 0; i < removed_size; ++i) {
      const int64_t handle = Find(removed[i]);
      if (!mark_dirty) changes_.Forget(removed[i]);
      if (handle == kNoHandle) continue;
      mark_dirty ? leaving.Add(RowOf(handle)) : leaving.AddUnmarked(RowOf(handle));
    }
  }
  Places places(&rows_, rows.size);
  for (size_t i = 0; i < rows.size; ++i) Write(rows, i, mark_dirty, &places, &loading);
  index_.Collect();
  return Status();
}

std::vector<uint64_t> Table::AdmissionState() const {
  std::vector<uint64_t> words(admission_.state_words());
  if (words.empty()) return words;
  admission_.SaveHeader(words.data());
  uint64_t* out = words.data() + admission_.header_words();
  for (int stripe = 0; stripe < StripedIndex::kStripes; ++stripe) {
    const std::lock_guard<std::mutex> lock(index_.mutex(stripe));
    admission_.Save(stripe, out);
    out += admission_.stripe_words();
  }
  return words;
}

Status Table::LoadAdmissionState(const uint64_t* words, size_t size) {
  if (Status status = admission_.CheckState(words, size); !status.ok()) return status;
  const std::unique_lock<std::shared_mutex> births(births_mutex_);
  admission_.Load(words, size);
  return Status();
}

}  // namespace tandem
