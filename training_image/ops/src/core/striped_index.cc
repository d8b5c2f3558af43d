#include "core/striped_index.h"

#include <algorithm>
#include <cmath>
#include <new>

namespace tandem {
namespace {

constexpr int64_t kEmpty = 0;          // as stored: no handle
constexpr int64_t kDead = -1;          // as stored: a handle that no row has
constexpr uintptr_t kCodeMask = 0xFF;  // blocks are aligned to 256 bytes
constexpr int kFewest = 2 << 2;        // the code of 16 entries
constexpr double kGreatestShare = 0.75;
constexpr size_t kGroup = 32;  // keys whose cache lines are on their way at the same time

// Arrays have 4, 5, 6 or 7 times a power of two entries, so that a larger one is little larger.
size_t SizeOf(int code) { return static_cast<size_t>(4 + (code & 3)) << (code >> 2); }

// Modulo 2^64, since the greatest handle is the greatest int64.
int64_t Stored(int64_t handle) { return static_cast<int64_t>(static_cast<uint64_t>(handle) + 1); }
int64_t HandleOf(int64_t stored) { return static_cast<int64_t>(static_cast<uint64_t>(stored) - 1); }

uint64_t InStripe(uint64_t hash) { return hash << StripedIndex::kStripeBits; }

}  // namespace

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

StripedIndex::View StripedIndex::ViewOf(Word word) {
  return {reinterpret_cast<Entry*>(word & ~kCodeMask), SizeOf(static_cast<int>(word & kCodeMask))};
}

StripedIndex::Entry* StripedIndex::HomeOf(const View& view, uint64_t hash) {
  return view.entries + static_cast<size_t>((static_cast<unsigned __int128>(InStripe(hash)) * view.size) >> 64);
}

// How many entries of an array may be in use: shares spread over one growth, so that stripes grow in turn.
size_t StripedIndex::MostUsed(int stripe, size_t entries) {
  const double share = kGreatestShare * std::exp2(-0.25 * static_cast<double>(stripe) / kStripes);
  return static_cast<size_t>(share * static_cast<double>(entries));
}

// The code of the array with which a stripe of so many keys begins: it has room for an eighth more.
int StripedIndex::CodeFor(int stripe, size_t keys) {
  int code = kFewest;
  while (keys * 9 > MostUsed(stripe, SizeOf(code)) * 8) ++code;
  return code;
}

size_t StripedIndex::BytesFor(size_t keys) {
  const size_t each = keys / kStripes + 1;
  size_t entries = 0;
  for (int stripe = 0; stripe < kStripes; ++stripe) {
    int code = kFewest;
    while (each > MostUsed(stripe, SizeOf(code))) ++code;
    entries += SizeOf(code);
  }
  return entries * sizeof(Entry);
}

size_t StripedIndex::size() const {
  size_t size = 0;
  for (const Stripe& stripe : stripes_) size += stripe.live.load(std::memory_order_relaxed);
  return size;
}

size_t StripedIndex::bytes_reserved() const { return memory_.bytes_reserved(); }

// The handle is read first: where it is there, its key is too.
int64_t StripedIndex::FindIn(const View& view, uint64_t hash, int64_t key) {
  for (Entry* entry = HomeOf(view, hash);;) {
    const int64_t stored = entry->stored.load(std::memory_order_seq_cst);
    if (stored == kEmpty) return kNoHandle;
    if (entry->key.load(std::memory_order_relaxed) == key && stored != kDead) return HandleOf(stored);
    if (++entry == view.entries + view.size) entry = view.entries;
  }
}

int64_t StripedIndex::Find(int64_t key) const {
  const uint64_t hash = HashOf(key);
  return FindIn(ViewOf(stripes_[StripeOf(hash)].array.load(std::memory_order_seq_cst)), hash, key);
}

void StripedIndex::FindMany(const int64_t* keys, size_t size, int64_t* handles) const {
  uint64_t hashes[kGroup];
  View views[kGroup];
  for (size_t first = 0; first < size; first += kGroup) {
    const size_t group = std::min(kGroup, size - first);
    for (size_t i = 0; i < group; ++i) {
      hashes[i] = HashOf(keys[first + i]);
      views[i] = ViewOf(stripes_[StripeOf(hashes[i])].array.load(std::memory_order_seq_cst));
      __builtin_prefetch(HomeOf(views[i], hashes[i]));
    }
    for (size_t i = 0; i < group; ++i) handles[first + i] = FindIn(views[i], hashes[i], keys[first + i]);
  }
}

void StripedIndex::Prefetch(int64_t key) const {
  const uint64_t hash = HashOf(key);
  __builtin_prefetch(HomeOf(ViewOf(stripes_[StripeOf(hash)].array.load(std::memory_order_relaxed)), hash), 1);
}

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
}

void StripedIndex::Give(Word array) {
  const View view = ViewOf(array);
  memory_.Give(view.entries, view.size * sizeof(Entry));
}

void StripedIndex::Collect() {
  const std::lock_guard<std::mutex> lock(old_mutex_);
  CollectLocked();
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
