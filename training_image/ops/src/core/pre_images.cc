#include "core/pre_images.h"

#include <new>
#include <utility>

namespace tandem {
namespace {

void Raise(std::atomic<uint32_t>& epoch, uint32_t to) {
  uint32_t was = epoch.load(std::memory_order_relaxed);
  while (was < to && !epoch.compare_exchange_weak(was, to, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

size_t BytesOf(const Rows& rows) {
  return (rows.keys.capacity() + rows.steps.capacity() + rows.seen.capacity()) * sizeof(int64_t) +
         (rows.values.capacity() + rows.slots.capacity()) * sizeof(float);
}

}  // namespace

void RaiseBlockChanged(RowStore& rows, uint32_t row, uint32_t epoch) {
  Raise(rows.block_changed(row / kRowsPerBlockChanged), epoch);
}

void RaiseChanged(RowStore& rows, uint32_t row, uint32_t epoch) {
  Raise(rows.changed(row), epoch);
  RaiseBlockChanged(rows, row, epoch);
}

void AppendRow(const RowStore& rows, uint32_t row, Rows* out) {
  const float *values = rows.Values(row), *slots = rows.Slots(row);
  out->keys.push_back(rows.key(row));
  out->values.insert(out->values.end(), values, values + rows.dim());
  out->slots.insert(out->slots.end(), slots, slots + rows.slot_floats());
  out->steps.push_back(rows.steps(row));
  out->seen.push_back(rows.seen(row).load(std::memory_order_relaxed));
}

void PreImages::Open(uint32_t first, uint32_t last, uint32_t settled, std::unique_ptr<KeptTimes> times) {
  first_ = first;
  last_ = last;
  settled_ = settled;
  times_ = std::move(times);
  times_bytes_.store(times_ == nullptr ? 0 : times_->bytes(), std::memory_order_relaxed);
  failed_.store(false, std::memory_order_relaxed);
  cursor_.store(0, std::memory_order_release);
}

bool PreImages::FillTimes(uint32_t limit) {
  if (times_ == nullptr || (limit > 0 && !times_->Covers(limit - 1))) return false;
  for (uint32_t row = 0; row < limit; ++row) times_->Keep(row, rows_.seen(row).load(std::memory_order_acquire));
  return true;
}

void PreImages::ForgetTimes() {
  if (times_ == nullptr) return;
  rows_.readers().Synchronize();
  times_.reset();
  times_bytes_.store(0, std::memory_order_relaxed);
}

void PreImages::Touch(uint32_t row, const std::atomic<uint32_t>& epoch) {
  Stripe& stripe = stripes_[row / kBlockRows % kLocks];
  const std::lock_guard<std::mutex> lock(stripe.mutex);
  // Before the epoch has moved on, what happens still belongs to the cut.
  const uint32_t now = epoch.load(std::memory_order_acquire);
  if (row >= cursor() && now > last_ && Has(row)) {
    const size_t saved = stripe.saved.keys.size();
    try {
      AppendRow(rows_, row, &stripe.saved);
      stripe.saved.seen.back() = Seen(row);
      saved_.fetch_add(1, std::memory_order_relaxed);
    } catch (const std::bad_alloc&) {
      // The step goes on; the cut is told that it is not whole. A row only half appended is none.
      Resize(saved, static_cast<size_t>(rows_.dim()), rows_.slot_floats(), &stripe.saved);
      failed_.store(true, std::memory_order_relaxed);
    }
  }
  RaiseChanged(rows_, row, now);
}

bool PreImages::Take(Rows* rows) {
  if (saved_.load(std::memory_order_relaxed) == 0) return false;
  for (Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> lock(stripe.mutex);
    if (stripe.saved.keys.empty()) continue;
    saved_.fetch_sub(stripe.saved.keys.size(), std::memory_order_relaxed);
    *rows = std::exchange(stripe.saved, Rows());
    return true;
  }
  return false;
}

void PreImages::EndReading() {
  cursor_.store(kAllRead, std::memory_order_release);
  // Whoever is in a lock may have seen the cursor before; none that comes later saves anything.
  for (Stripe& stripe : stripes_) const std::lock_guard<std::mutex> lock(stripe.mutex);
}

void PreImages::Close() {
  EndReading();
  for (Rows rows; Take(&rows);) {
  }
}

size_t PreImages::bytes() const {
  size_t bytes = times_bytes_.load(std::memory_order_relaxed);
  for (const Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> lock(stripe.mutex);
    bytes += BytesOf(stripe.saved);
  }
  return bytes;
}

}  // namespace tandem
