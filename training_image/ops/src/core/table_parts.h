// What the parts of Table's implementation share.
//
// Memory:  Batch points into the caller's; Places and Departures hold row numbers for the time of a call.
// Threads: one thread each.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "core/table.h"

namespace tandem {

// One call of Lookup or Peek.
struct Table::Batch {
  const int64_t* ids;
  size_t size;
  uint32_t event_time;
  float* values;
  int64_t* handles;
  // Of the index, before it was asked for the first id; filled if ids can stay without a row.
  std::array<uint64_t, StripedIndex::kStripes> entered;
  Stamps::Stamp stamp;  // of rows that are there, while they are looked for
};

// Free places, taken from the store in lots; those that were not used go back.
class Table::Places {
 public:
  // `most`: how many will be asked for at most.
  Places(RowStore* rows, size_t most) : rows_(*rows), left_(most) {}
  ~Places() {
    if (next_ < end_) rows_.Return(places_ + next_, end_ - next_);
  }
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  // A place, or kNoRow if there is no memory.
  uint32_t Next() {
    if (next_ == end_) {
      const size_t lot = std::min(left_, kLot);
      if (lot == 0 || !rows_.Allocate(lot, places_)) return kNoRow;
      left_ -= lot;
      next_ = 0;
      end_ = lot;
    }
    return places_[next_++];
  }

 private:
  static constexpr size_t kLot = 64;

  RowStore& rows_;
  size_t left_;
  uint32_t places_[kLot];
  size_t next_ = 0, end_ = 0;
};

// Rows that leave the table. Under the step mutex; the places go into limbo at the end.
class Table::Departures {
 public:
  explicit Departures(Table* table) : table_(*table) {}
  ~Departures() {
    table_.rows_.Free(rows_.data(), rows_.size());
    table_.index_.Collect();
  }
  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  // Takes a live row out of the index and leaves a tombstone. Throws std::bad_alloc, and nothing has changed.
  void Add(uint32_t row) {
    const int64_t key = table_.rows_.key(row);
    if (rows_.size() == rows_.capacity()) rows_.reserve(2 * rows_.size() + 64);
    table_.changes_.Gone(row, key);
    table_.index_.Erase(key);
    rows_.push_back(row);
  }

  // The same without a tombstone: as if the row had never been.
  void AddUnmarked(uint32_t row) {
    if (rows_.size() == rows_.capacity()) rows_.reserve(2 * rows_.size() + 64);
    table_.index_.Erase(table_.rows_.key(row));
    rows_.push_back(row);
  }

  size_t size() const { return rows_.size(); }

 private:
  Table& table_;
  std::vector<uint32_t> rows_;
};

}  // namespace tandem
