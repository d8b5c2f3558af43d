// A consistent cut of a table, read while the table goes on.
//
// Memory:  what has been taken of the images of changed rows (pre_images.h) and not yet handed out, a list of row
//          numbers, the removed keys, and in a full cut every row's event time. The rows of the cut stay where they
//          are until they are read.
// Threads: one thread at a time. The table must live as long as the cut is open: until Next has returned false, or the
//          cut is destroyed.
//
// A cut has every row of its epochs with values, slots and counters as they were when it was begun, whatever is looked
// up, stepped, born, removed or evicted while it is read. Rows come in no order of keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/changes.h"
#include "core/readers.h"
#include "core/rows.h"
#include "core/status.h"

namespace tandem {

class Cut {
 public:
  // Begins a cut of all live rows (`full`), or of what changed since the consumer's last acknowledged one. The caller
  // holds the step mutex, and lets it go before Settle.
  // `room`: of RoomFor, for a full one.
  static Status Begin(bool full, int consumer, std::unique_ptr<KeptTimes> room, RowStore* rows, Changes* changes,
                      std::shared_ptr<Cut>* cut);

  // Room for what a full cut keeps of `rows`; null if there is no memory. Made before the cut begins, or lookups would wait
  // as long as the system takes to give it.
  static std::unique_ptr<KeptTimes> RoomFor(const RowStore& rows);

  // Waits for the calls that were in flight when the cut was begun; then it may be read. Not inside a Readers::Call.
  void Settle(Readers* readers);

  ~Cut();
  Cut(const Cut&) = delete;
  Cut& operator=(const Cut&) = delete;

  int64_t epoch() const { return opened_.epoch; }
  bool full() const { return full_; }

  // Keys that were removed since the consumer's last acknowledged cut and have no row in this one, sorted. Empty in a
  // full cut.
  const std::vector<int64_t>& removed() const { return removed_; }

  // Replaces `out` by up to `max_rows` rows (at least 1); false, and none, when all have been read. Throws
  // std::bad_alloc if the cut is not whole for want of memory.
  bool Next(size_t max_rows, Rows* out);

 private:
  Cut(bool full, int consumer, RowStore* rows, Changes* changes)
      : full_(full), consumer_(consumer), rows_(*rows), changes_(*changes) {}

  void ResizeRows(size_t size, Rows* out) const;
  void GiveSaved(size_t max_rows, Rows* out);
  void TakeRows(size_t max_rows, Rows* out);
  void FindRows();
  void Find(uint32_t begin, uint32_t end);
  bool AnyStamped(uint32_t begin, uint32_t end) const;
  void CopyRow(uint32_t row, size_t at, Rows* out) const;
  void End();

  const bool full_;
  const int consumer_;
  RowStore& rows_;
  Changes& changes_;
  Changes::Opened opened_;
  bool open_ = false;     // the table has to be told of the end
  bool reading_ = false;  // rows are still to be taken from the store
  std::vector<int64_t> removed_;

  uint32_t limit_ = 0;           // rows of the cut are below
  uint32_t looked_ = 0;          // rows below have been looked for
  std::vector<uint32_t> found_;  // rows that seem to belong to the cut, ascending, of which `taken_` are done
  size_t taken_ = 0;
  Rows saved_;  // of which `given_` are done
  size_t given_ = 0;
};

}  // namespace tandem
