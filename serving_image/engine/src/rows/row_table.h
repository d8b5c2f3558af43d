// The rows of one embedding table for all versions in memory: of several bases, each with its updates.
//
// Memory:  an index of keys, rows by slot, and per key a chain of nodes (node.h), nearly always one long: a lookup is a
//          line of the index and a row. Bases share the rows that are equal in them. What a newer version superseded
//          goes when no version in memory can see it and the calls in flight have left.
// Threads: Gather, Locate and Find from any thread, inside a Readers::Call that began before its View was chosen. All
// else is the
//          writer's, one thread at a time (TableSet's turn). Readers never wait.
//
// A row is written into a slot that nobody can reach, then its node is published by one store; a view of an earlier
// epoch passes over it. So an update disturbs nobody, and becomes visible as a whole when a version with its epoch
// does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/readers.h"
#include "core/status.h"
#include "rows/chain.h"
#include "rows/node.h"
#include "rows/row_index.h"
#include "rows/row_memory.h"

namespace tandem::serving {

// Bytes of one table or of all.
struct RowBytes {
  size_t used = 0;      // rows that somebody may see, and index entries
  size_t reserved = 0;  // all that is held from the system
};

class RowTable {
 public:
  // `readers` outlives the table. Throws std::bad_alloc.
  RowTable(size_t dim, size_t max_rows, Readers* readers);

  size_t dim() const { return memory_.dim(); }

  // Copies the rows of `ids` as the view sees them to out, out + stride, …; a row that is not there reads as zeros.
  void Gather(View view, const int64_t* ids, size_t n, float* out, size_t stride) const;

  // Where the rows of `ids` are, valid until the call ends; rows that are not there are one of zeros.
  void Locate(View view, const int64_t* ids, size_t n, const float** rows) const;

  // The row of one id; nullptr if it is not there.
  const float* Find(View view, int64_t key) const;

  // Gives rows to a line that has no version yet: of equal rows in memory the line gets a share. `keys` have not been
  // loaded for this line before. After a refusal the line is to be given up.
  Status Load(int line, uint32_t epoch, const int64_t* keys, const float* values, size_t n);

  // Takes superseded nodes out of at most `limit` chains, and back what all readers have left. Whether there are more
  // such chains.
  bool Reclaim(const Floors& floors, size_t limit);

  // Whether nothing waits for readers to leave.
  bool settled() const { return index_.settled() && memory_.settled(); }

  // Takes the lines that are gone out of all chains of a stripe; after all stripes none is left in the table.
  void Sweep(const Floors& floors, int stripe);

  // visit(key, row) for each row that the view sees, in no order, until it returns false. The writer's.
  template <typename Visit>
  void ForEach(View view, const Visit& visit) {
    bool more = true;
    for (int stripe = 0; stripe < RowIndex::kStripes && more; ++stripe) {
      index_.ForEach(stripe, [&](int64_t key, uint64_t, std::atomic<NodeWord>* entry) {
        const NodeWord word = Visible(entry->load(std::memory_order_relaxed), view);
        if (more && SlotOf(word) != 0 && !IsRemoved(word)) more = visit(key, memory_.row(SlotOf(word)));
      });
    }
  }

  size_t rows(int line) const { return rows_[static_cast<size_t>(line)]; }  // that the line's newest version sees
  size_t keys() const { return index_.keys(); }                             // with a row of any version
  size_t slots() const { return memory_.taken(); }
  RowBytes bytes() const;

 private:
  friend class RowEdit;

  // A key whose chain has a node less to keep from an epoch on.
  struct Superseded {
    int64_t key;
    uint32_t epoch;
  };

  NodeWord Visible(NodeWord first, View view) const {
    return VisibleIn(first, view,
                     [this](uint32_t slot) { return memory_.older(slot).load(std::memory_order_seq_cst); });
  }
  template <typename Use>
  void ForGroups(View view, const int64_t* ids, size_t n, const Use& use) const;
  bool Equal(uint32_t slot, const float* values) const;
  bool Share(std::atomic<NodeWord>* entry, uint64_t hash, uint32_t line, const float* values);
  void Trim(const Floors& floors, uint64_t hash, std::atomic<NodeWord>* entry);

  RowIndex index_;
  RowMemory memory_;
  std::array<std::deque<Superseded>, kLines> superseded_;  // by line, in the order of epochs
  std::array<size_t, kLines> rows_{};
  std::vector<NodeWord> chain_, trimmed_;  // of the chain at work
};

}  // namespace tandem::serving
