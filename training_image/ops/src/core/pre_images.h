// Rows as they were at a cut, saved by whoever changes them before the cut has read them.
//
// Memory:  while a cut is read: the rows that were changed in the meantime and not yet taken by the reader, in 64
//          buffers, one per lock; in a full cut 4 bytes per row for event times. Otherwise nothing.
// Threads: Touch from any thread; Open, FillTimes, Advance, Take, EndReading and Close by the one cut. A lock guards the
//          rows of every 64th block of 64 rows; who saves a row or reads a block holds it for some microseconds. Rows
//          that the reader has passed, that are not of the cut or that were saved before cost no lock.
//
// The cut has the rows whose last change lies in the epochs first ... last, or in an earlier one if they were stamped
// since (stamps.h). The reader goes through the rows in order
// and moves `cursor` on under the lock of the block; a row at the cursor or behind it still needs its image. Saving
// stores the row's new epoch, so that neither the reader nor another writer takes the row once more. Exactly one of
// them does, hence. Event times that were kept need no image: a stamp may change them, and the cut has them as they were.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "core/kept_times.h"
#include "core/row_store.h"
#include "core/rows.h"

namespace tandem {

class PreImages {
 public:
  static constexpr uint32_t kBlockRows = 64;
  static constexpr size_t kLocks = 64;

  explicit PreImages(RowStore* rows) : rows_(*rows) {}

  // Rows below this have been read; all of them if no cut is open.
  uint32_t cursor() const { return cursor_.load(std::memory_order_acquire); }

  // Whether a row belongs to the cut, as long as it has not been read or saved.
  bool Has(uint32_t row) const {
    const uint32_t changed = rows_.changed(row).load(std::memory_order_acquire);
    return changed <= last_ && (changed >= first_ || IsStamped(row));
  }
  // Whether the row may have been stamped without its epoch.
  bool IsStamped(uint32_t row) const { return Seen(row) > settled_; }

  // The row's event time as the cut has it. Who has read a later time finds that the times were kept.
  uint32_t Seen(uint32_t row) const {
    const uint32_t seen = rows_.seen(row).load(std::memory_order_acquire);
    return times_ == nullptr ? seen : times_->Of(row, seen);
  }

  // Opens for rows changed in the epochs first ... last or seen after `settled`. Just before the epoch becomes last + 1.
  // `times`: where event times are kept from now on, or null.
  void Open(uint32_t first, uint32_t last, uint32_t settled, std::unique_ptr<KeptTimes> times = nullptr);

  // Keeps the event times of the rows below `limit`; false if there is nothing for all of them to be kept in.
  bool FillTimes(uint32_t limit);

  // Waits until nobody can be keeping any more, and gives back the memory. After Close.
  void ForgetTimes();

  // Marks a row as changed in the epoch of this moment; saves its image first if the cut still needs it.
  void Touch(uint32_t row, const std::atomic<uint32_t>& epoch);

  std::mutex& LockOf(uint32_t row) { return stripes_[row / kBlockRows % kLocks].mutex; }

  // All rows below `row` have been read or saved. The caller holds the lock of row - 1.
  void Advance(uint32_t row) { cursor_.store(row, std::memory_order_release); }

  // Hands out saved rows, some of them; false if there are none at this moment.
  bool Take(Rows* rows);

  // No row needs its image any more; what was saved can still be taken.
  void EndReading();

  // The same, and what was saved goes.
  void Close();

  // Whether an image was lost for want of memory since Open.
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

  size_t bytes() const;

 private:
  static constexpr uint32_t kAllRead = 0xFFFFFFFFu;

  struct alignas(64) Stripe {
    mutable std::mutex mutex;  // guards the rows of its blocks as the head of this file says, and `saved`
    Rows saved;
  };

  RowStore& rows_;
  std::atomic<uint32_t> cursor_{kAllRead};
  uint32_t first_ = 1, last_ = 0, settled_ = 0;  // written while closed
  std::unique_ptr<KeptTimes> times_;             // likewise
  std::atomic<size_t> times_bytes_{0};
  std::atomic<size_t> saved_{0};
  std::atomic<bool> failed_{false};
  std::array<Stripe, kLocks> stripes_;
};

// Raises the greatest change of the row's block to `epoch`; never lowers it.
void RaiseBlockChanged(RowStore& rows, uint32_t row, uint32_t epoch);

// Raises `changed` of a row, and of its block, to `epoch`; never lowers it.
void RaiseChanged(RowStore& rows, uint32_t row, uint32_t epoch);

// Puts a row, which nobody changes meanwhile, behind `out`.
void AppendRow(const RowStore& rows, uint32_t row, Rows* out);

}  // namespace tandem
