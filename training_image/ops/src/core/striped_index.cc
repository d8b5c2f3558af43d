#include "core/striped_index.h"

#include <algorithm>
#include <cmath>
#include <new>

namespace tandem {

using striping::CodeFor;
using striping::kFewest;
using striping::MostUsed;
using striping::SizeOf;

alignas(256) StripedIndex::Entry StripedIndex::nothing_[16];

StripedIndex::StripedIndex(Readers* readers) : readers_(readers) {
  static_assert(sizeof(Entry) == 16, "the figures of memory per key count on it");
  for (Stripe& stripe : stripes_) stripe.array = reinterpret_cast<Word>(nothing_) | kFewest;
}

StripedIndex::~StripedIndex() {
  for (Stripe& stripe : stripes_) {
    if (stripe.most_used > 0) old_.push_back({stripe.array, 0});
  }
  for (const Old& old : old_) Give(old.array);
}

// A stripe may have more than its share of the keys, and may once have had: three standard deviations, for all stripes.
size_t StripedIndex::BytesFor(size_t keys) {
  const double share = static_cast<double>(keys) / kStripes;
  const auto each = static_cast<size_t>(share + 3 * std::sqrt(share)) + 1;
  size_t entries = 0;
  for (int stripe = 0; stripe < kStripes; ++stripe) entries += SizeOf(CodeFor(stripe, each));
  return entries * sizeof(Entry);
}

size_t StripedIndex::size() const {
  size_t size = 0;
  for (const Stripe& stripe : stripes_) size += stripe.live.load(std::memory_order_relaxed);
  return size;
}

size_t StripedIndex::bytes_used() const {
  size_t bytes = 0;
  for (const Stripe& stripe : stripes_) {
    const Word word = stripe.array.load(std::memory_order_relaxed);
    if (reinterpret_cast<Entry*>(word & ~kCodeMask) != nothing_) bytes += ViewOf(word).size * sizeof(Entry);
  }
  return bytes;
}

size_t StripedIndex::bytes_reserved() const { return memory_.bytes_reserved(); }

// Into the first empty entry from the home on; there is one.
void StripedIndex::Enter(const View& view, uint64_t hash, int64_t key, int64_t stored) {
  Entry* entry = HomeOf(view, hash);
  while (entry->stored.load(std::memory_order_relaxed) != kEmpty) {
    if (++entry == view.entries + view.size) entry = view.entries;
  }
  entry->key.store(key, std::memory_order_relaxed);
  entry->stored.store(stored, std::memory_order_release);
}

void StripedIndex::MakeRoom(int stripe) {
  if (stripes_[stripe].used >= stripes_[stripe].most_used) MakeAnew(stripe, 1);
}

void StripedIndex::Insert(int64_t key, int64_t handle) {
  const uint64_t hash = HashOf(key);
  Stripe& stripe = stripes_[StripeOf(hash)];
  Enter(ViewOf(stripe.array.load(std::memory_order_relaxed)), hash, key, Stored(handle));
  ++stripe.used;
  stripe.entered.store(stripe.entered.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  stripe.live.store(stripe.live.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

int64_t StripedIndex::Erase(int64_t key) {
  const uint64_t hash = HashOf(key);
  Stripe& stripe = stripes_[StripeOf(hash)];
  const std::lock_guard<std::mutex> lock(stripe.mutex);
  const View view = ViewOf(stripe.array.load(std::memory_order_relaxed));
  for (Entry* entry = HomeOf(view, hash);;) {
    const int64_t stored = entry->stored.load(std::memory_order_relaxed);
    if (stored == kEmpty) return kNoHandle;
    if (entry->key.load(std::memory_order_relaxed) == key && stored != kDead) {
      entry->stored.store(kDead, std::memory_order_seq_cst);
      const size_t live = stripe.live.load(std::memory_order_relaxed) - 1;
      stripe.live.store(live, std::memory_order_relaxed);
      if (view.size > SizeOf(kFewest) && live < stripe.most_used / 4) Shrink(StripeOf(hash));
      return HandleOf(stored);
    }
    if (++entry == view.entries + view.size) entry = view.entries;
  }
}

// An array that has become far too large for its keys gives memory back, unless there is none to move through.
void StripedIndex::Shrink(int at) {
  try {
    MakeAnew(at, 0);
  } catch (const std::bad_alloc&) {
  }
}

// A new array with the live entries of the old one and room for `more`, published with one store.
void StripedIndex::MakeAnew(int at, size_t more) {
  Stripe& stripe = stripes_[at];
  const size_t live = stripe.live.load(std::memory_order_relaxed);
  const int code = CodeFor(at, live + more);
  const Word word = reinterpret_cast<Word>(memory_.Take(SizeOf(code) * sizeof(Entry))) | static_cast<Word>(code);
  const View to = ViewOf(word), from = ViewOf(stripe.array.load(std::memory_order_relaxed));
  for (const Entry* entry = from.entries; entry < from.entries + from.size; ++entry) {
    const int64_t stored = entry->stored.load(std::memory_order_relaxed);
    if (stored == kEmpty || stored == kDead) continue;
    const int64_t key = entry->key.load(std::memory_order_relaxed);
    Enter(to, HashOf(key), key, stored);
  }
  Replace(stripe, word, MostUsed(at, to.size));
  stripe.used = live;
}

// Readers find the new array from here on; the old one goes when all who may read it have left.
void StripedIndex::Replace(Stripe& stripe, Word word, size_t most_used) {
  const Word old = stripe.array.exchange(word, std::memory_order_seq_cst);
  const bool owned = stripe.most_used > 0;
  stripe.most_used = most_used;
  const std::lock_guard<std::mutex> lock(old_mutex_);
  if (owned) old_.push_back({old, readers_->Retire()});
  CollectLocked();
}

void StripedIndex::CollectLocked() {
  const uint64_t oldest = readers_->Oldest();
  size_t kept = 0;
  for (const Old& old : old_) {
    if (old.mark >= oldest) {
      old_[kept++] = old;
    } else {
      Give(old.array);
    }
  }
  old_.resize(kept);
  has_old_.store(kept > 0, std::memory_order_relaxed);
}

void StripedIndex::Give(Word array) {
  const View view = ViewOf(array);
  memory_.Give(view.entries, view.size * sizeof(Entry));
}

void StripedIndex::Collect() {
  if (!has_old_.load(std::memory_order_relaxed)) return;
  const std::unique_lock<std::mutex> lock(old_mutex_, std::try_to_lock);
  if (lock.owns_lock()) CollectLocked();
}

void StripedIndex::Clear() {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard<std::mutex> lock(stripe.mutex);
    if (stripe.most_used == 0) continue;
    Replace(stripe, reinterpret_cast<Word>(nothing_) | kFewest, 0);
    stripe.used = 0;
    stripe.live.store(0, std::memory_order_relaxed);
  }
}

}  // namespace tandem
