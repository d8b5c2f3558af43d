#include "rows/row_index.h"

#include <new>

namespace tandem::serving {

using striping::CodeFor;
using striping::kFewest;
using striping::MostUsed;
using striping::SizeOf;

alignas(256) RowIndex::Entry RowIndex::nothing_[16];

RowIndex::RowIndex(Readers* readers) : readers_(readers) {
  static_assert(sizeof(Entry) == 16, "the figures of memory per key count on it");
  for (Stripe& stripe : stripes_) stripe.array = reinterpret_cast<Word>(nothing_) | kFewest;
}

RowIndex::~RowIndex() {
  for (Stripe& stripe : stripes_) Give(stripe.array);
  for (const Old& old : old_) Give(old.array);
}

// Into the first empty entry from the home on; there is one.
void RowIndex::Enter(const Array& array, uint64_t hash, int64_t key, NodeWord first) {
  Entry* entry = HomeOf(array, hash);
  while (entry->first.load(std::memory_order_relaxed) != kEmptyEntry) {
    if (++entry == array.entries + array.size) entry = array.entries;
  }
  entry->key.store(key, std::memory_order_relaxed);
  entry->first.store(first, std::memory_order_release);
}

bool RowIndex::Add(int64_t key, uint64_t hash, NodeWord first) {
  const int at = StripeOf(hash);
  Stripe& stripe = stripes_[at];
  if (stripe.used >= stripe.most_used && !MakeAnew(at)) return false;
  Enter(ArrayOf(at), hash, key, first);
  ++stripe.used;
  ++stripe.live;
  return true;
}

// Sequentially consistent, since it may take a node out of reach: either a reader finds what is stored here, or the
// writer finds that reader before it uses the node's slot again.
void RowIndex::Publish(std::atomic<NodeWord>* entry, uint64_t hash, NodeWord first) {
  const bool before = SlotOf(entry->load(std::memory_order_relaxed)) != 0;
  const bool after = SlotOf(first) != 0;
  Stripe& stripe = stripes_[StripeOf(hash)];
  stripe.live = stripe.live + after - before;
  entry->store(first, std::memory_order_seq_cst);
}

// A new array with the entries that have a node and room for more, published with one store. The old one goes when all
// who may read it have left.
bool RowIndex::MakeAnew(int at) {
  Stripe& stripe = stripes_[at];
  const int code = CodeFor(at, stripe.live + 1);
  const Array from = ArrayOf(at);
  Word word;
  try {
    old_.push_back({stripe.array.load(std::memory_order_relaxed), 0});
    word = reinterpret_cast<Word>(memory_.Take(SizeOf(code) * sizeof(Entry))) | static_cast<Word>(code);
  } catch (const std::bad_alloc&) {
    if (!old_.empty() && old_.back().mark == 0) old_.pop_back();
    return false;
  }
  const Array to = Unpack(word);
  for (const Entry* entry = from.entries; entry < from.entries + from.size; ++entry) {
    const NodeWord first = entry->first.load(std::memory_order_relaxed);
    if (SlotOf(first) == 0) continue;
    const int64_t key = entry->key.load(std::memory_order_relaxed);
    Enter(to, HashOf(key), key, first);
  }
  stripe.array.store(word, std::memory_order_seq_cst);
  stripe.most_used = MostUsed(at, to.size);
  stripe.used = stripe.live;
  old_.back().mark = readers_->Retire();
  return true;
}

void RowIndex::Give(Word word) {
  const Array array = Unpack(word);
  if (array.entries != nothing_) memory_.Give(array.entries, array.size * sizeof(Entry));
}

void RowIndex::Collect() {
  for (; !old_.empty() && readers_->AllLeft(old_.front().mark); old_.pop_front()) Give(old_.front().array);
}

size_t RowIndex::keys() const {
  size_t keys = 0;
  for (const Stripe& stripe : stripes_) keys += stripe.live;
  return keys;
}

size_t RowIndex::bytes_used() const {
  size_t bytes = 0;
  for (int at = 0; at < kStripes; ++at) {
    if (const Array array = ArrayOf(at); array.entries != nothing_) bytes += array.size * sizeof(Entry);
  }
  return bytes;
}

size_t RowIndex::bytes_reserved() const { return memory_.bytes_reserved(); }

}  // namespace tandem::serving
