#include "core/cut.h"

#include <algorithm>
#include <new>
#include <utility>

namespace tandem {
namespace {

constexpr uint32_t kLookRows = 2048;  // looked for at a time
constexpr size_t kFoundAhead = 128;   // prefetched and not yet copied
constexpr size_t kLineFloats = 16;

}  // namespace

Status Cut::Begin(bool full, int consumer, std::unique_ptr<KeptTimes> room, RowStore* rows, Changes* changes,
                  std::shared_ptr<Cut>* cut) {
  std::shared_ptr<Cut> begun(new Cut(full, consumer, rows, changes));
  if (Status status = changes->Open(full, consumer, std::move(room), &begun->opened_); !status.ok()) return status;
  begun->open_ = true;
  begun->reading_ = true;
  *cut = std::move(begun);
  return Status();
}

std::unique_ptr<KeptTimes> Cut::RoomFor(const RowStore& rows) {
  constexpr uint32_t kMore = 65536;  // rows that may be born until it begins
  try {
    return std::make_unique<KeptTimes>(std::min(RowStore::kMostRows - kMore, rows.limit()) + kMore);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void Cut::Settle(Readers* readers) {
  readers->Synchronize();
  limit_ = rows_.limit();
  removed_ = changes_.Settle(full_, limit_);
}

Cut::~Cut() {
  if (open_) changes_.Close(consumer_, opened_.epoch, false);
}

bool Cut::Next(size_t max_rows, Rows* out) {
  ResizeRows(0, out);
  max_rows = std::max<size_t>(1, max_rows);
  while (open_ && out->keys.size() < max_rows) {
    if (given_ < saved_.keys.size()) {
      GiveSaved(max_rows, out);
    } else if (changes_.images().Take(&saved_)) {
      given_ = 0;
    } else if (reading_) {
      TakeRows(max_rows, out);
    } else {
      End();
    }
  }
  return !out->keys.empty();
}

// All rows have been read, and the images of all that changed before.
void Cut::End() {
  const bool whole = !changes_.images().failed();
  open_ = false;
  changes_.Close(consumer_, opened_.epoch, whole);
  if (!whole) throw std::bad_alloc();
}

void Cut::ResizeRows(size_t size, Rows* out) const {
  Resize(size, static_cast<size_t>(rows_.dim()), rows_.slot_floats(), out);
}

void Cut::GiveSaved(size_t max_rows, Rows* out) {
  const size_t dim = rows_.dim(), slot_floats = rows_.slot_floats(), at = out->keys.size();
  const size_t count = std::min(saved_.keys.size() - given_, max_rows - at);
  ResizeRows(at + count, out);
  std::copy_n(saved_.keys.begin() + given_, count, out->keys.begin() + at);
  std::copy_n(saved_.values.begin() + given_ * dim, count * dim, out->values.begin() + at * dim);
  std::copy_n(saved_.slots.begin() + given_ * slot_floats, count * slot_floats, out->slots.begin() + at * slot_floats);
  std::copy_n(saved_.steps.begin() + given_, count, out->steps.begin() + at);
  std::copy_n(saved_.seen.begin() + given_, count, out->seen.begin() + at);
  given_ += count;
}

// Copies rows that were found, as many as there is room for.
void Cut::TakeRows(size_t max_rows, Rows* out) {
  if (taken_ == found_.size()) FindRows();
  PreImages& images = changes_.images();
  if (found_.empty()) {
    reading_ = false;
    images.EndReading();
    return;
  }
  size_t size = out->keys.size();
  const size_t last = taken_ + std::min(found_.size() - taken_, max_rows - size);
  ResizeRows(size + last - taken_, out);
  while (taken_ < last) {
    const uint32_t block = found_[taken_] / PreImages::kBlockRows;
    const std::lock_guard<std::mutex> lock(images.LockOf(found_[taken_]));
    for (; taken_ < last && found_[taken_] / PreImages::kBlockRows == block; ++taken_) {
      // Whoever changed it since it was found has saved its image.
      if (!images.Has(found_[taken_])) continue;
      CopyRow(found_[taken_], size++, out);
      changes_.Taken(found_[taken_], opened_.epoch);
    }
    images.Advance(found_[taken_ - 1] + 1);
  }
  ResizeRows(size, out);
}

// Fills found_ anew; empty if there are no more.
void Cut::FindRows() {
  found_.clear();
  taken_ = 0;
  while (looked_ < limit_ && found_.size() < kFoundAhead) {
    const uint32_t end = limit_ - looked_ < kLookRows ? limit_ : looked_ + kLookRows;
    Find(looked_, end);
    looked_ = end;
  }
}

// Two passes, so that the states of all blocks that have changed are on their way before the first is looked at.
void Cut::Find(uint32_t begin, uint32_t end) {
  constexpr uint32_t kBlock = kRowsPerBlockChanged;
  uint32_t blocks[kLookRows / kBlock];
  size_t count = 0;
  for (uint32_t block = begin / kBlock; block * kBlock < end; ++block) {
    blocks[count] = block;
    const uint32_t first = block * kBlock, last = std::min(end, first + kBlock);
    if (rows_.block_changed(block).load(std::memory_order_relaxed) < opened_.first && !AnyStamped(first, last))
      continue;
    ++count;
    rows_.PrefetchState(first);
    rows_.PrefetchState(last - 1);
  }
  for (size_t i = 0; i < count; ++i) {
    const uint32_t last = std::min(end, (blocks[i] + 1) * kBlock);
    for (uint32_t row = blocks[i] * kBlock; row < last; ++row) {
      if (!changes_.images().Has(row)) continue;
      found_.push_back(row);
      __builtin_prefetch(&rows_.key(row));
      const float* floats = rows_.Values(row);
      const size_t size = rows_.dim() + rows_.slot_floats();
      for (size_t z = 0; z < size; z += kLineFloats) __builtin_prefetch(floats + z);
    }
  }
}

bool Cut::AnyStamped(uint32_t begin, uint32_t end) const {
  if (!changes_.stamped()) return false;
  for (uint32_t row = begin; row < end; ++row) {
    if (changes_.images().IsStamped(row)) return true;
  }
  return false;
}

void Cut::CopyRow(uint32_t row, size_t at, Rows* out) const {
  const size_t dim = rows_.dim(), slot_floats = rows_.slot_floats();
  out->keys[at] = rows_.key(row);
  std::copy_n(rows_.Values(row), dim, out->values.data() + at * dim);
  std::copy_n(rows_.Slots(row), slot_floats, out->slots.data() + at * slot_floats);
  out->steps[at] = rows_.steps(row);
  out->seen[at] = changes_.images().Seen(row);
}

}  // namespace tandem
