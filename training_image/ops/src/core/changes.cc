#include "core/changes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tandem {
namespace {

constexpr uint32_t kLastEpoch = kNoLiveRow - 2;

Status NoSuchConsumer(int consumer) {
  return Status::Refused("consumer " + std::to_string(consumer) + " is none: consumers are numbered 0 to " +
                         std::to_string(kMaxConsumers - 1));
}

bool IsConsumer(int consumer) { return consumer >= 0 && consumer < kMaxConsumers; }

}  // namespace

// `now` was read before the cursor: who sees the epoch after a cut sees its cursor.
void Changes::TouchFirst(uint32_t row, uint32_t now) {
  if (row >= images_.cursor()) {
    images_.Touch(row, epoch_);
  } else {
    RaiseChanged(rows_, row, now);
  }
}

void Changes::Born(uint32_t row, int64_t key) {
  const uint32_t now = tombstones_.Erase(key, epoch_);
  rows_.changed(row).store(now, std::memory_order_release);
  RaiseBlockChanged(rows_, row, now);
}

void Changes::Gone(uint32_t row, int64_t key) {
  if (listening_.load(std::memory_order_acquire) > 0) {
    tombstones_.Leave(key, epoch());
  } else {
    const std::lock_guard<std::mutex> lock(consumers_mutex_);
    dropped_ = epoch();
  }
  Touch(row);
  rows_.changed(row).store(kNoLiveRow, std::memory_order_release);
}

// Loading gives rows event times of any order, acknowledged or not; so stamps are settled first, all of this epoch.
Changes::Loading::Loading(Changes* changes, Readers* readers) : changes_(*changes) {
  Stamps& stamps = changes_.stamps_;
  RowStore& rows = changes_.rows_;
  stamps.Hold();
  readers->Synchronize();
  const uint32_t settled = stamps.settled();
  const uint32_t limit = stamps.latest() > settled ? rows.limit() : 0;
  for (uint32_t row = 0; row < limit; ++row) {
    if (rows.seen(row).load(std::memory_order_relaxed) > settled && !rows.IsFree(row)) {
      RaiseChanged(rows, row, changes_.epoch());
    }
  }
}

Changes::Loading::~Loading() { changes_.stamps_.Release(changes_.stamps_.latest()); }

void Changes::Loading::Loaded(uint32_t row, int64_t key) {
  changes_.tombstones_.Erase(key, changes_.epoch_);
  changes_.rows_.changed(row).store(0, std::memory_order_release);
}

void Changes::Clear() {
  const std::lock_guard<std::mutex> lock(consumers_mutex_);
  tombstones_.Clear();
  dropped_ = 0;
}

Status Changes::CheckOpen(bool full, int consumer) const {
  if (consumer != kNobody && !IsConsumer(consumer)) return NoSuchConsumer(consumer);
  if (consumer == kNobody && !full) return Status::Refused("a delta needs a consumer whose last one it follows");
  if (cut_open()) {
    return Status::Refused("another snapshot or delta of this table is being read: finish it or drop it first");
  }
  if (epoch() >= kLastEpoch) return Status::Refused("the epochs of this table are used up: restore it into a new one");
  if (!full && consumers_[consumer].acked < dropped_) {
    return Status::Refused("consumer " + std::to_string(consumer) +
                           " was not there when keys were removed that its delta would have to name: begin with a full "
                           "snapshot for this consumer and acknowledge it");
  }
  return Status();
}

Status Changes::Open(bool full, int consumer, std::unique_ptr<KeptTimes> room, Opened* opened) {
  const std::lock_guard<std::mutex> lock(consumers_mutex_);
  if (Status status = CheckOpen(full, consumer); !status.ok()) return status;
  opened->epoch = epoch();
  opened->first = full ? 0 : consumers_[consumer].acked + 1;
  if (consumer != kNobody) {
    Consumer& state = consumers_[consumer];
    state.read.reserve(state.read.size() + 1);
    listening_.fetch_add(state.exists ? 0 : 1, std::memory_order_release);
    state.exists = true;
  }
  cut_open_.store(true, std::memory_order_relaxed);
  if (!full) tombstones_.Expect(opened->first, opened->epoch);
  KeptTimes* const times = room.get();
  stamps_.Hold();
  latest_in_cut_ = stamps_.latest();
  images_.Open(opened->first, opened->epoch, stamps_.settled(), std::move(room));
  epoch_.store(opened->epoch + 1, std::memory_order_seq_cst);
  if (times != nullptr) stamps_.Keep(times, latest_in_cut_);
  return Status();
}

// A full cut is long and has every row, so that each row which is stamped meanwhile would cost an image. A delta passes most
// rows by, and is short.
std::vector<int64_t> Changes::Settle(bool full, uint32_t limit) {
  if (!full) return tombstones_.Collect();
  if (images_.FillTimes(limit)) stamps_.EndKeep();
  return {};
}

void Changes::Close(int consumer, uint32_t epoch, bool whole) {
  images_.Close();
  if (whole && consumer != kNobody) {
    const std::lock_guard<std::mutex> lock(consumers_mutex_);
    std::vector<uint32_t>& read = consumers_[consumer].read;
    if (epoch > consumers_[consumer].acked) read.push_back(epoch);
  }
  // What a cut has not passed waits for the next one.
  stamps_.Release(whole ? latest_in_cut_ : stamps_.settled());
  stamps_.EndKeep();
  images_.ForgetTimes();
  cut_open_.store(false, std::memory_order_release);
}

Status Changes::Ack(int consumer, int64_t epoch) {
  if (!IsConsumer(consumer)) return NoSuchConsumer(consumer);
  const std::lock_guard<std::mutex> lock(consumers_mutex_);
  Consumer& state = consumers_[consumer];
  if (epoch >= 1 && epoch <= state.acked) return Status();  // late and harmless
  if (std::find(state.read.begin(), state.read.end(), epoch) == state.read.end()) {
    return Status::Refused("epoch " + std::to_string(epoch) + " was not begun by consumer " + std::to_string(consumer) +
                           ", or not read to its end: acknowledge the epoch of a delta that it has");
  }
  state.acked = static_cast<uint32_t>(epoch);
  state.read.erase(state.read.begin(), std::upper_bound(state.read.begin(), state.read.end(), state.acked));
  DropTombstones();
  return Status();
}

Status Changes::Leave(int consumer) {
  if (!IsConsumer(consumer)) return NoSuchConsumer(consumer);
  const std::lock_guard<std::mutex> lock(consumers_mutex_);
  listening_.fetch_sub(consumers_[consumer].exists ? 1 : 0, std::memory_order_release);
  consumers_[consumer] = Consumer();
  DropTombstones();
  return Status();
}

// Tombstones that everybody knows go; all of them if there is nobody to tell.
void Changes::DropTombstones() {
  uint32_t known = epoch();
  for (const Consumer& consumer : consumers_) {
    if (consumer.exists) known = std::min(known, consumer.acked);
  }
  if (known <= dropped_) return;
  tombstones_.Drop(known);
  dropped_ = known;
}

}  // namespace tandem
