// Rows of a cut in memory, sorted by key.
//
// Memory:  the rows in pieces as they were read, which never move while more are read, and 16 bytes a row for the order;
//          as much again while they are sorted.
// Threads: a value; one thread writes. CopyTo shares its work among those that it is given.
//
// A cut gives its rows in no order of keys. They are put in order while they are copied to where they are wanted, so
// that each is copied twice in all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/cut.h"
#include "core/parallel.h"
#include "core/rows.h"

namespace tandem {

// Where columns are written to, with room for all rows.
struct RowsRoom {
  int64_t* keys = nullptr;
  float* values = nullptr;
  float* slots = nullptr;
  int64_t* steps = nullptr;
  int64_t* seen = nullptr;
};

class SortedRows {
 public:
  SortedRows() = default;
  // Reads what is left of a cut whose rows have so many floats. Throws std::bad_alloc if there is no memory, or if the
  // cut is not whole for want of it.
  SortedRows(Cut* cut, size_t dim, size_t slot_floats);

  size_t size() const { return order_.size(); }
  void CopyTo(const RowsRoom& room, const Parallel& parallel = Serial()) const;
  // The same, into columns of its own.
  Rows Copy() const;

 private:
  struct Place {
    int64_t key;
    uint32_t piece, at;
  };

  static void Sort(std::vector<Place>* places);
  void CopyPart(const RowsRoom& room, size_t first, size_t last) const;

  size_t dim_ = 0, slot_floats_ = 0;
  std::vector<Rows> pieces_;
  std::vector<Place> order_;
};

struct Delta {
  int64_t epoch = 0;
  SortedRows rows;
  std::vector<int64_t> removed;  // sorted; no key is both here and in rows
};

}  // namespace tandem
