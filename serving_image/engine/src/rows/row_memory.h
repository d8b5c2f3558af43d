// Where rows lie: two columns by slot, which never move.
//
// Memory:  arenas by slot: `dim` floats, so a row whose dim is a multiple of 16 fills whole cache lines; and the word
// of
//          the node that the slot's node superseded. Slot 0 is a row of zeros, which readers copy for absent ids. Pages
//          are made ready by the writer before anybody reads them. Slots that were retired are used again, so memory
//          does not go back to the system before the table does.
// Threads: row and older of a slot that was published: any thread inside a Readers::Call. All else: the writer.
//
// A slot is free, or taken, or leaving: out of reach, but calls in flight may still see it. Collect() frees what all of
// them have left.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/arena.h"
#include "core/readers.h"
#include "rows/node.h"

namespace tandem::serving {

class RowMemory {
 public:
  // `readers` outlives the memory. Throws std::bad_alloc.
  RowMemory(size_t dim, size_t max_rows, Readers* readers);

  size_t dim() const { return dim_; }
  const float* row(uint32_t slot) const { return rows() + size_t{slot} * dim_; }
  std::atomic<NodeWord>& older(uint32_t slot) const {
    return reinterpret_cast<std::atomic<NodeWord>*>(older_.base())[slot];
  }

  // A slot with these values and this word; 0 if there is no memory for one more.
  uint32_t Take(const float* values, NodeWord older);
  // The same for a row that is gone: its floats are never read.
  uint32_t TakeEmpty(NodeWord older);

  // Takes back a slot that readers may still see.
  void Retire(uint32_t slot) { leaving_.push_back(slot); }

  // Frees what all readers have left.
  void Collect();
  bool settled() const { return leaving_.empty(); }

  size_t taken() const { return taken_; }  // slots of rows, leaving ones too
  size_t bytes_used() const { return taken_ * BytesPerSlot(); }
  size_t bytes_reserved() const;  // held from the system, for rows and for the lists of slots

 private:
  struct Batch {
    uint64_t mark;
    size_t slots;
  };

  size_t BytesPerSlot() const { return dim_ * sizeof(float) + sizeof(NodeWord); }
  float* rows() const { return reinterpret_cast<float*>(rows_.base()); }
  bool Reach(size_t slots);

  const size_t dim_;
  const size_t max_slots_;
  Readers* const readers_;
  Arena rows_, older_;
  size_t end_ = 0;    // slots below have been in use
  size_t taken_ = 0;  // of them
  std::vector<uint32_t> free_;
  std::deque<uint32_t> leaving_;  // in batches, the last without a mark yet
  std::deque<Batch> batches_;
  size_t marked_ = 0;  // slots in batches_
};

}  // namespace tandem::serving
