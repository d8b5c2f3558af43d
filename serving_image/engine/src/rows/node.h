// One state of one row for some lines from some epoch on, in a word.
//
// Memory:  slot (32 bits) | epoch (27) | removed (1) | lines (4). The slot is where the row's floats are, and where the
//          word of the node that this one superseded is; slot 0 is never a row's and ends a chain.
// Threads: values. A node's word stands in exactly one place, an index entry or the column of superseded words; one
//          writer stores there, any reader loads.
//
// A line is one base with its updates; an epoch numbers the versions of all lines in the order in which they are made.
// A reader of a line at an epoch takes the first node of the chain that carries the line and is not later than the
// epoch.
#pragma once

#include <atomic>
#include <cstdint>

namespace tandem::serving {

using NodeWord = uint64_t;

inline constexpr int kLines = 4;
inline constexpr uint32_t kLinesMask = (1u << kLines) - 1;
inline constexpr uint32_t kLastEpoch = (1u << 27) - 1;

// In the index: an entry that never had a key; probing ends there.
inline constexpr NodeWord kEmptyEntry = 0;
// The end of a chain, and the whole chain of a key that has no row any more.
inline constexpr NodeWord kNoNode = 1u << kLines;

// What a reader sees with.
struct View {
  uint32_t line = 0;  // its bit
  uint32_t epoch = 0;
};

inline constexpr uint32_t BitOf(int line) { return 1u << line; }

inline constexpr NodeWord NodeOf(uint32_t slot, uint32_t epoch, bool removed, uint32_t lines) {
  return NodeWord{slot} << 32 | NodeWord{epoch} << (kLines + 1) | NodeWord{removed} << kLines | lines;
}
inline constexpr uint32_t SlotOf(NodeWord word) { return static_cast<uint32_t>(word >> 32); }
inline constexpr uint32_t EpochOf(NodeWord word) { return static_cast<uint32_t>(word) >> (kLines + 1); }
inline constexpr bool IsRemoved(NodeWord word) { return (word >> kLines & 1) != 0; }
inline constexpr uint32_t LinesOf(NodeWord word) { return static_cast<uint32_t>(word) & kLinesMask; }
inline constexpr NodeWord WithLines(NodeWord word, uint32_t lines) { return (word & ~NodeWord{kLinesMask}) | lines; }

// The node that a view sees in the chain that begins with `word`; kNoNode if there is none. `older(slot)` gives the
// word that the node of a slot superseded.
template <typename Older>
NodeWord VisibleIn(NodeWord word, View view, const Older& older) {
  for (; SlotOf(word) != 0; word = older(SlotOf(word))) {
    if ((word & view.line) != 0 && EpochOf(word) <= view.epoch) return word;
  }
  return kNoNode;
}

}  // namespace tandem::serving
