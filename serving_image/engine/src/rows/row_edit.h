// One version's changes to one table: all or none.
//
// Memory:  8 bytes per change while it lives.
// Threads: the writer's; while it lives nobody else writes to the table.
//
// What is written can't be seen before a version with the epoch is published; its own View sees it, for a probe. An
// Edit that ends without Commit leaves the table as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/status.h"
#include "rows/row_table.h"

namespace tandem::serving {

class RowEdit {
 public:
  // `epoch` is later than all that the table has seen of the line.
  RowEdit(RowTable* table, int line, uint32_t epoch);
  ~RowEdit();
  RowEdit(const RowEdit&) = delete;
  RowEdit& operator=(const RowEdit&) = delete;

  // Changes or inserts rows; those that are equal already cost nothing. Each key at most once in an Edit.
  Status Put(const int64_t* keys, const float* values, size_t n);

  // Takes rows out; keys without a row are passed over.
  Status Remove(const int64_t* keys, size_t n);

  // Takes all rows out whose key is not among `keys`, which are ascending and have rows.
  Status RemoveAllBut(const int64_t* keys, size_t n);

  size_t changes() const { return log_.size(); }

  void Commit() { committed_ = true; }

 private:
  uint32_t bit() const { return BitOf(static_cast<int>(line_)); }
  NodeWord Now(const std::atomic<NodeWord>* entry) const;
  Status RemoveAt(int64_t key, uint64_t hash, std::atomic<NodeWord>* entry);
  bool Write(int64_t key, uint64_t hash, std::atomic<NodeWord>* entry, bool had_row, const float* row);
  void Undo(int64_t key);

  RowTable* const table_;
  const size_t line_;
  const uint32_t epoch_;
  const size_t rows_before_;
  std::vector<int64_t> log_;  // keys whose chain has a new first node
  bool committed_ = false;
};

}  // namespace tandem::serving
