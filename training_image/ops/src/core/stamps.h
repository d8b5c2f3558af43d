// Event times of rows, and which of them no epoch of change tells of yet.
//
// Memory:  three words; the event times themselves are a column of the RowStore.
// Threads: Begin inside a Readers::Call, Tell, from any thread; the others by the one cut or load, which exclude one
//          another: Hold and settled under the step mutex, then the rest by whoever reads or loads.
//
// A stamp changes its row, and a cut has to hear of it; but the row's epoch lies in a cache line that a lookup needs for
// nothing else. So a stamp is left in the column alone if it is later than `settled`, the latest time told before the
// last cut: a row seen later than that was stamped after it, whatever its epoch says. The next cut, which passes all
// rows, writes the epoch of those that it finds (it settles them), and from its end on `settled` is the latest time that
// it can have met. What can't be told that way touches its row first, as any other change does: a time at or below
// `settled`, and every time while a delta or load is under way, since the cut may need the row as it was. While a full
// cut begins, a stamp that is later than all that were told before keeps the row's time for the cut (kept_times.h) and
// touches nothing. A cut that is left in the middle leaves `settled` as it is, and the next one finds the same rows.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/kept_times.h"

namespace tandem {

class Stamps {
 public:
  // What one call stamps its rows with.
  struct Stamp {
    uint32_t time;
    bool touches;      // the row's epoch comes first
    bool newest;       // no row was told as late a time before, so none need be asked
    KeptTimes* keeps;  // where the row's time comes first, if it does not touch; or null
  };

  // A call is about to stamp rows. What it returns is good until the Readers::Call ends. In this order: who finds
  // something to keep in finds what Keep or Ease has made of `touched_` too, and not what was there before.
  Stamp Begin(uint32_t time) {
    const bool newest = Tell(time);
    KeptTimes* const keeps = keeping_.load(std::memory_order_acquire);
    return {time, time <= touched_.load(std::memory_order_seq_cst), newest, keeps};
  }

  // Some row's event time is about to be this. Whether it is later than all that were told before.
  bool Tell(uint32_t time) {
    uint32_t latest = latest_.load(std::memory_order_relaxed);
    while (latest < time) {
      if (latest_.compare_exchange_weak(latest, time, std::memory_order_seq_cst)) return true;
    }
    return false;
  }

  // A live row seen later than this may have been stamped since its epoch was written.
  uint32_t settled() const { return settled_; }

  // Every call that begins from here on touches; those in flight may not.
  void Hold() { touched_.store(kAlways, std::memory_order_seq_cst); }

  // Eases Hold: from here on only times up to `latest` touch, and until EndKeep the others keep.
  void Keep(KeptTimes* times, uint32_t latest) {
    keeping_.store(times, std::memory_order_release);
    touched_.store(latest, std::memory_order_seq_cst);
  }

  // All times are kept, or nobody needs them any more. Calls in flight may still keep.
  void EndKeep() { keeping_.store(nullptr, std::memory_order_release); }

  // The latest time told. After Hold no stamp of a call that began before it is later.
  uint32_t latest() const { return latest_.load(std::memory_order_seq_cst); }

  // Ends Hold: no row's epoch is behind that was seen at `settled` or earlier.
  void Release(uint32_t settled) {
    settled_ = settled;
    touched_.store(settled, std::memory_order_release);
  }

 private:
  static constexpr uint32_t kAlways = 0xFFFFFFFFu;

  std::atomic<uint32_t> touched_{0};  // stamps with this time or an earlier one touch
  std::atomic<uint32_t> latest_{0};
  std::atomic<KeptTimes*> keeping_{nullptr};
  uint32_t settled_ = 0;
};

}  // namespace tandem
