// Which nodes of a key's chain somebody may still see: a pure decision.
//
// Memory:  changes the words given to it.
// Threads: pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "rows/node.h"

namespace tandem::serving {

// What is still looked at: of each line the earliest epoch that a reader can have, 0 while none is known (then all of
// its nodes stay); and the lines that are gone.
struct Floors {
  std::array<uint32_t, kLines> epochs{};
  uint32_t gone = 0;  // their bits
};

// Takes from each word of a chain (first to last) the lines that need the node no more; a word left without lines is a
// node that goes. A line needs its nodes down to the one that its earliest reader sees; of removed nodes only those
// with a node of the line behind them, since nothing at the end of a chain means the same.
void TrimChain(const Floors& floors, std::vector<NodeWord>* chain);

}  // namespace tandem::serving
