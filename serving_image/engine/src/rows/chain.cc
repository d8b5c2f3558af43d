#include "rows/chain.h"

#include <cstddef>

namespace tandem::serving {

void TrimChain(const Floors& floors, std::vector<NodeWord>* chain) {
  uint32_t done = floors.gone;  // lines that need nothing from here on
  for (NodeWord& word : *chain) {
    const uint32_t lines = LinesOf(word) & ~done;
    word = WithLines(word, lines);
    for (int line = 0; line < kLines; ++line) {
      if ((lines & BitOf(line)) != 0 && EpochOf(word) <= floors.epochs[static_cast<size_t>(line)]) done |= BitOf(line);
    }
  }
  uint32_t behind = 0;
  for (auto word = chain->rbegin(); word != chain->rend(); ++word) {
    if (IsRemoved(*word)) *word = WithLines(*word, LinesOf(*word) & behind);
    behind |= LinesOf(*word);
  }
}

}  // namespace tandem::serving
