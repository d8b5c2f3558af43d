// What has changed since when, and who has heard of it.
//
// Memory:  the epoch of a row's last change is in the RowStore, of removals in Tombstones; here are the present epoch,
//          per consumer the epoch that it has acknowledged and those of cuts that it has read since, and while a
//          cut is read the images of rows that changed under it.
// Threads: Touch, Stamp, Born and the figures from any thread, inside a Readers::Call or, but for Stamp, under the step
//          mutex; Gone, Loading, Forget, Clear and Open under the step mutex. Ack, Leave from any thread.
//
// Epochs: a cut ends the present epoch e and opens e + 1. A row or removal is dirty for a consumer if it changed after
// the epoch that the consumer has acknowledged. Nothing is cleared, so nothing can be lost: what is not acknowledged is
// in the consumer's next delta again. A tombstone goes when every consumer has acknowledged it.
//
// Order: Touch before the row is changed (Stamp does), Born as the last before the index publishes the row, Gone before
// the index forgets it. Then a cut is exact: it has each row as it was when the epoch changed, up to calls that were in
// flight.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/pre_images.h"
#include "core/readers.h"
#include "core/row_store.h"
#include "core/stamps.h"
#include "core/status.h"
#include "core/tombstones.h"

namespace tandem {

// Consumer 0 exists from the beginning; another one from its first full cut on. kNobody takes full cuts that no delta
// will follow.
inline constexpr int kNobody = -1;
inline constexpr int kMaxConsumers = 16;

class Changes {
 public:
  explicit Changes(RowStore* rows) : rows_(*rows), images_(rows) { consumers_[0].exists = true; }
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  // Of changes made now.
  uint32_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  // A row is about to change.
  void Touch(uint32_t row) {
    const uint32_t now = epoch();
    if (rows_.changed(row).load(std::memory_order_acquire) < now) TouchFirst(row, now);
  }

  // The stamp of a call's rows, for Stamp and for the rows that the call makes; good for one Readers::Call.
  Stamps::Stamp BeginStamps(uint32_t event_time) { return stamps_.Begin(event_time); }

  // Raises the time at which a live row was last seen. Of calls with different times at the same moment either one's may
  // stay: an exchange would have every row wait until the copies of those before it have left the core.
  void Stamp(uint32_t row, Stamps::Stamp stamp) {
    std::atomic<uint32_t>& seen = rows_.seen(row);
    if (stamp.keeps == nullptr) {
      if (!stamp.newest && seen.load(std::memory_order_relaxed) >= stamp.time) return;
      if (stamp.touches) Touch(row);
    } else {
      const uint32_t before = seen.load(std::memory_order_acquire);
      if (before >= stamp.time) return;
      stamp.touches || !stamp.keeps->Covers(row) ? Touch(row) : stamp.keeps->Keep(row, before);
    }
    seen.store(stamp.time, std::memory_order_release);  // whoever sees it sees what was kept before
  }

  // A row has been written and is about to be found under `key`.
  void Born(uint32_t row, int64_t key);

  // The row of `key` is about to be removed. Throws std::bad_alloc, and nothing has changed, if there is no memory.
  void Gone(uint32_t row, int64_t key);

  // Rows are being loaded while it lives. No cut is being read.
  class Loading {
   public:
    // Waits for the calls in flight, so not inside a Readers::Call.
    Loading(Changes* changes, Readers* readers);
    ~Loading();
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;

    // A row is about to be given this event time, which may be earlier than the one it has.
    void Seen(uint32_t time) { changes_.stamps_.Tell(time); }

    // A row has been written and counts as acknowledged.
    void Loaded(uint32_t row, int64_t key);

   private:
    Changes& changes_;
  };

  // A key without a row counts as acknowledged.
  void Forget(int64_t key) { tombstones_.Erase(key, epoch_); }

  // Every tombstone counts as acknowledged: the table has been replaced. No cut is being read.
  void Clear();

  // A consumer has made everything of the cut of `epoch` durable.
  Status Ack(int consumer, int64_t epoch);

  // A consumer will ask for no more deltas, so tombstones are not kept for it. Without any, none are left.
  Status Leave(int consumer);

  size_t tombstones() const { return tombstones_.size(); }
  size_t bytes() const { return tombstones_.bytes() + images_.bytes(); }

  // For Cut, of which there is at most one.
  struct Opened {
    uint32_t epoch = 0;
    uint32_t first = 0;  // rows changed in the epochs first ... epoch belong to the cut
  };
  // A full cut keeps event times in `room`; without any it has images saved of the rows that are stamped.
  Status Open(bool full, int consumer, std::unique_ptr<KeptTimes> room, Opened* opened);
  // The calls that were in flight at Open have left; rows of the cut are below `limit`. Returns the keys that the cut
  // removes.
  std::vector<int64_t> Settle(bool full, uint32_t limit);
  // The cut has copied a row, whose lock it holds: stamps up to here are of its epoch.
  void Taken(uint32_t row, uint32_t epoch) {
    if (images_.IsStamped(row)) RaiseChanged(rows_, row, epoch);
  }
  // Whether any row can have been stamped without its epoch.
  bool stamped() const { return latest_in_cut_ > stamps_.settled(); }
  PreImages& images() { return images_; }
  bool cut_open() const { return cut_open_.load(std::memory_order_acquire); }
  // `whole`: the reader has had everything. A cut that was left in the middle can't be acknowledged.
  void Close(int consumer, uint32_t epoch, bool whole);

 private:
  struct Consumer {
    bool exists = false;
    uint32_t acked = 0;
    std::vector<uint32_t> read;  // epochs of its cuts after `acked`, ascending
  };

  void TouchFirst(uint32_t row, uint32_t now);
  void DropTombstones();
  Status CheckOpen(bool full, int consumer) const;

  RowStore& rows_;
  std::atomic<uint32_t> epoch_{1};
  Stamps stamps_;
  uint32_t latest_in_cut_ = 0;  // event time, of the cut that is read
  Tombstones tombstones_;
  PreImages images_;
  std::atomic<bool> cut_open_{false};

  std::mutex consumers_mutex_;  // guards all below
  std::array<Consumer, kMaxConsumers> consumers_;
  uint32_t dropped_ = 0;           // tombstones up to this epoch are gone
  std::atomic<int> listening_{1};  // consumers that exist
};

}  // namespace tandem
