// Rows outside their table: what snapshots, deltas and restores carry.
//
// Memory:  columns, one entry per row, sorted by key: keys, values (n x dim), slots (n x slots*dim, one slot after
//          another), steps (the row's own t), seen (greatest event time of a training lookup, 0 if none was told).
//          Rows owns its columns; RowsView points into memory of the caller.
// Threads: values; no shared state.
//
// Row numbers and generations are not carried: they belong to one table in one process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/optimizer.h"
#include "core/status.h"

namespace tandem {

struct Rows {
  std::vector<int64_t> keys;
  std::vector<float> values;
  std::vector<float> slots;
  std::vector<int64_t> steps;
  std::vector<int64_t> seen;
};

// Makes room for so many rows, or takes the last ones away; new ones are zero.
void Resize(size_t size, size_t dim, size_t slot_floats, Rows* rows);

struct RowsView {
  size_t size = 0;
  const int64_t* keys = nullptr;
  const float* values = nullptr;
  const float* slots = nullptr;
  const int64_t* steps = nullptr;
  const int64_t* seen = nullptr;
};

// A refusal of a row that came from outside; `column` is where it stands.
Status RefusedRow(const char* column, size_t row, int64_t key, const char* why);

// Refuses keys that do not strictly ascend; `argument` names them in the sentence.
Status CheckKeysAscend(const char* argument, const int64_t* keys, size_t size);

// Refuses rows that no table with this dim and optimizer can have held.
Status CheckRows(const RowsView& rows, int dim, const Optimizer& optimizer);

}  // namespace tandem
