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
// `settled`, and every time while a cut or load is under way, since the cut may need the row as it was. A full cut keeps
// the column as it was when it began (pre_images.h), so that from then on only times that it can have met touch. A cut
// that is left in the middle leaves `settled` as it is, and the next one finds the same rows.
#pragma once

#include <atomic>
#include <cstdint>

namespace tandem {

class Stamps {
 public:
  // What one call stamps its rows with.
  struct Stamp {
    uint32_t time;
    bool touches;  // the row's epoch comes first
    bool newest;   // no row was told as late a time before, so none need be asked
  };

  // A call is about to stamp rows. What it returns is good until the Readers::Call ends.
  Stamp Begin(uint32_t time) {
    const bool newest = Tell(time);
    return {time, time <= touched_.load(std::memory_order_seq_cst), newest};
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

  // Eases Hold: who needs the rows' event times up to `latest` has a copy of them.
  void Ease(uint32_t latest) { touched_.store(latest, std::memory_order_seq_cst); }

  // The latest time told. When the calls that were in flight at Hold have left, no stamp that touched nothing is later.
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
  uint32_t settled_ = 0;
};

}  // namespace tandem
