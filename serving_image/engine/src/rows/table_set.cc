#include "rows/table_set.h"

#include <iterator>

namespace tandem::serving {
namespace {

constexpr size_t kChainsPerTurn = 4096;

}  // namespace

std::shared_ptr<RowTable> TableSet::Obtain(const std::string& name, size_t dim) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::weak_ptr<RowTable>& known = tables_[{name, dim}];
  std::shared_ptr<RowTable> table = known.lock();
  if (table == nullptr) {
    table = std::make_shared<RowTable>(dim, max_rows_, &readers_);
    known = table;
  }
  return table;
}

std::unique_ptr<TableSet::LineId> TableSet::OpenLine() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t line = 0; line < kLines; ++line) {
    if (lines_[line] != LineState::kFree) continue;
    lines_[line] = LineState::kOpen;
    return std::make_unique<LineId>(this, static_cast<int>(line));
  }
  return nullptr;
}

void TableSet::CloseLine(int line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  lines_[static_cast<size_t>(line)] = LineState::kGone;
}

uint32_t TableSet::NextEpoch() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return epoch_ == kLastEpoch ? 0 : ++epoch_;
}

void TableSet::Hold(int line, uint32_t epoch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  holds_[static_cast<size_t>(line)].insert(epoch);
}

void TableSet::Release(int line, uint32_t epoch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& holds = holds_[static_cast<size_t>(line)];
  holds.erase(holds.find(epoch));
}

Floors TableSet::CurrentFloors() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  Floors floors;
  for (size_t line = 0; line < kLines; ++line) {
    if (!holds_[line].empty()) floors.epochs[line] = *holds_[line].begin();
    if (lines_[line] == LineState::kGone) floors.gone |= BitOf(static_cast<int>(line));
  }
  return floors;
}

std::vector<std::shared_ptr<RowTable>> TableSet::Tables() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<RowTable>> tables;
  for (const auto& [name, known] : tables_) {
    if (std::shared_ptr<RowTable> table = known.lock(); table != nullptr) tables.push_back(std::move(table));
  }
  return tables;
}

// A line that is gone has no readers and no writer, so nothing gets its bit while the sweep goes from turn to turn; and
// a table that appears meanwhile never had it.
bool TableSet::Reclaim() {
  const std::lock_guard<std::mutex> alone(reclaiming_);
  const uint32_t gone = CurrentFloors().gone;
  bool done = true;
  for (const std::shared_ptr<RowTable>& table : Tables()) {
    for (int stripe = 0; gone != 0 && stripe < RowIndex::kStripes; ++stripe) {
      const std::lock_guard<Turn> turn(turn_);
      Floors floors = CurrentFloors();
      floors.gone = gone;
      table->Sweep(floors, stripe);
    }
    for (bool more = true; more;) {
      const std::lock_guard<Turn> turn(turn_);
      more = table->Reclaim(CurrentFloors(), kChainsPerTurn);
    }
    const std::lock_guard<Turn> turn(turn_);
    done = done && table->settled();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t line = 0; line < kLines; ++line) {
    if ((gone & BitOf(static_cast<int>(line))) != 0) lines_[line] = LineState::kFree;
  }
  for (auto known = tables_.begin(); known != tables_.end();) {
    known = known->second.expired() ? tables_.erase(known) : std::next(known);
  }
  return done;
}

RowBytes TableSet::bytes() {
  const std::lock_guard<Turn> turn(turn_);
  RowBytes all;
  for (const std::shared_ptr<RowTable>& table : Tables()) {
    const RowBytes bytes = table->bytes();
    all.used += bytes.used;
    all.reserved += bytes.reserved;
  }
  return all;
}

}  // namespace tandem::serving
