// All tables in memory, the lines that share them and the epochs that somebody may read.
//
// Memory:  tables live as long as a line has them; lines and epochs are counted here.
// Threads: whoever writes to a table holds turn(). Reclaim takes it by itself, again and again and for short times. All
//          other functions from any thread; LineId and EpochHold may end on any thread that is not inside a turn of
//          another thread's making, and must end before the set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/readers.h"
#include "rows/row_table.h"
#include "rows/turn.h"

namespace tandem::serving {

class TableSet {
 public:
  // One of the few numbers that lines have while they are in memory. What it had in tables goes after its end.
  class LineId {
   public:
    LineId(TableSet* set, int line) : set_(set), line_(line) {}
    ~LineId() { set_->CloseLine(line_); }
    LineId(const LineId&) = delete;
    LineId& operator=(const LineId&) = delete;
    int line() const { return line_; }

   private:
    TableSet* const set_;
    const int line_;
  };

  // While it lives, what a view of this line and epoch sees stays.
  class EpochHold {
   public:
    EpochHold(TableSet* set, int line, uint32_t epoch) : set_(set), view_{BitOf(line), epoch}, line_(line) {
      set_->Hold(line_, epoch);
    }
    ~EpochHold() { set_->Release(line_, view_.epoch); }
    EpochHold(const EpochHold&) = delete;
    EpochHold& operator=(const EpochHold&) = delete;
    View view() const { return view_; }

   private:
    TableSet* const set_;
    const View view_;
    const int line_;
  };

  // `max_rows`: of each table, of all versions together.
  explicit TableSet(size_t max_rows = UINT32_MAX) : max_rows_(max_rows) {}
  TableSet(const TableSet&) = delete;
  TableSet& operator=(const TableSet&) = delete;

  Readers& readers() { return readers_; }
  Turn& turn() { return turn_; }

  // The table of this name and dim, shared by all lines that have it. Throws std::bad_alloc.
  std::shared_ptr<RowTable> Obtain(const std::string& name, size_t dim);

  // nullptr: as many lines as there can be are in memory, or what they left is.
  std::unique_ptr<LineId> OpenLine();

  // The next epoch, later than all before; 0 when all are used up (at one per second, in four years).
  uint32_t NextEpoch();

  // Takes back what nobody can see any more; whether there is nothing left to take back. Without more work to do it is
  // cheap, so it may be called every second.
  bool Reclaim();

  // Of all tables; takes the turn.
  RowBytes bytes();

 private:
  enum class LineState { kFree, kOpen, kGone };

  void CloseLine(int line);
  void Hold(int line, uint32_t epoch);
  void Release(int line, uint32_t epoch);
  Floors CurrentFloors() const;
  std::vector<std::shared_ptr<RowTable>> Tables() const;

  const size_t max_rows_;
  Readers readers_;
  Turn turn_;
  std::mutex reclaiming_;  // one Reclaim at a time

  mutable std::mutex mutex_;  // guards all below; taken inside of turns, never around them
  std::map<std::pair<std::string, size_t>, std::weak_ptr<RowTable>> tables_;
  std::array<LineState, kLines> lines_{};
  std::array<std::multiset<uint32_t>, kLines> holds_;
  uint32_t epoch_ = 0;
};

}  // namespace tandem::serving
