// Where the row of a key is: open addressing over int64 keys.
//
// Memory:  one flat array of 16-byte entries {key, row}, a power of two of them, at most two thirds used; linear
//          probing from a mixed hash. Every int64 is a valid key: an empty entry is told by its row, kNoRow. Erasing
//          moves the entries behind it back instead of leaving marks, so probes never lengthen with age.
// Threads: none of its own. Find may run beside Find; anything that writes needs the table's exclusive lock.
//
// Growing doubles the array and enters every key anew at once. Reserve makes room ahead, so that what follows cannot
// fail for want of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/handle.h"
#include "core/random.h"

namespace tandem {

class KeyIndex {
 public:
  size_t size() const { return size_; }

  // The row of `key`, or kNoRow.
  uint32_t Find(int64_t key) const { return entries_.empty() ? kNoRow : entries_[Probe(key)].row; }

  // Makes room for `keys` keys in all.
  void Reserve(size_t keys) {
    size_t capacity = entries_.empty() ? 16 : entries_.size();
    while (keys * 3 > capacity * 2) capacity *= 2;
    if (capacity != entries_.size()) Rehash(capacity);
  }

  // Enters an absent key; room must have been reserved.
  void Insert(int64_t key, uint32_t row) {
    entries_[Probe(key)] = {key, row};
    ++size_;
  }

  // Takes a present key out and closes the gap.
  void Erase(int64_t key) {
    size_t gap = Probe(key);
    const size_t mask = entries_.size() - 1;
    for (size_t at = (gap + 1) & mask; entries_[at].row != kNoRow; at = (at + 1) & mask) {
      // An entry may move back to the gap unless its home lies behind the gap, cyclically.
      if (((at - Home(entries_[at].key)) & mask) >= ((at - gap) & mask)) {
        entries_[gap] = entries_[at];
        gap = at;
      }
    }
    entries_[gap] = Entry();
    --size_;
  }

  // Forgets every key; keeps the memory.
  void Clear() {
    entries_.assign(entries_.size(), Entry());
    size_ = 0;
  }

 private:
  struct Entry {
    int64_t key = 0;
    uint32_t row = kNoRow;
  };

  size_t Home(int64_t key) const { return Mix64(static_cast<uint64_t>(key) + kGolden) & (entries_.size() - 1); }

  // The entry of `key`, or the empty one where it belongs.
  size_t Probe(int64_t key) const {
    size_t at = Home(key);
    while (entries_[at].row != kNoRow && entries_[at].key != key) {
      at = (at + 1) & (entries_.size() - 1);
    }
    return at;
  }

  void Rehash(size_t capacity) {
    std::vector<Entry> old(capacity);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.row != kNoRow) entries_[Probe(entry.key)] = entry;
    }
  }

  std::vector<Entry> entries_;
  size_t size_ = 0;
};

}  // namespace tandem
