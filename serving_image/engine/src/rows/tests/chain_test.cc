#include "rows/chain.h"

#include <random>

#include "core/tests/check.h"

namespace tandem::serving {
namespace {

constexpr NodeWord Row(uint32_t epoch, uint32_t lines) { return NodeOf(1, epoch, false, lines); }
constexpr NodeWord Gone(uint32_t epoch, uint32_t lines) { return NodeOf(1, epoch, true, lines); }

TEST(EachLineKeepsWhatItsReadersMaySee) {
  struct Case {
    const char* what;
    Floors floors;
    std::vector<NodeWord> chain;
    std::vector<uint32_t> lines;  // left in each node
  };
  const std::vector<Case> cases = {
      {"nothing is known: all stay", {{0}, 0}, {Row(9, 1), Row(4, 1)}, {1, 1}},
      {"the earliest reader sees the first", {{9}, 0}, {Row(9, 1), Row(4, 1)}, {1, 0}},
      {"the earliest reader sees the second", {{8}, 0}, {Row(9, 1), Row(4, 1)}, {1, 1}},
      {"another line needs it still", {{9, 4}, 0}, {Row(9, 1), Row(4, 3)}, {1, 2}},
      {"a line is gone", {{9, 0}, 2}, {Row(9, 1), Row(4, 3), Row(3, 2)}, {1, 0, 0}},
      {"a removal that is needed", {{5}, 0}, {Gone(6, 1), Row(4, 1)}, {1, 1}},
      {"a removal that all have seen", {{6}, 0}, {Gone(6, 1), Row(4, 1)}, {0, 0}},
      {"a removal with nothing behind", {{5}, 0}, {Gone(6, 1), Row(4, 2)}, {0, 2}},
      {"removed, then there again", {{7}, 0}, {Row(8, 1), Gone(6, 1), Row(4, 1)}, {1, 0, 0}},
      {"removed twice", {{7}, 0}, {Gone(9, 1), Row(8, 1), Gone(6, 1), Row(4, 1)}, {1, 1, 0, 0}},
  };
  for (const Case& c : cases) {
    std::vector<NodeWord> chain = c.chain;
    TrimChain(c.floors, &chain);
    for (size_t i = 0; i < chain.size(); ++i) {
      testing::Check(chain[i] == WithLines(c.chain[i], c.lines[i]), c.what, __FILE__, __LINE__);
    }
  }
}

// What a view that is not earlier than its line's floor sees in what is left: the same row, or none as before.
TEST(TrimmingChangesNothingForAnybodyWhoReads) {
  std::mt19937 random(7);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int round = 0; round < 20000; ++round) {
    std::vector<NodeWord> chain;
    for (uint32_t i = 0, n = 1 + below(7), epoch = 30; i < n; ++i, epoch -= 1 + below(4)) {
      chain.push_back(NodeOf(i + 1, epoch, below(3) == 0, 1 + below(15)));
    }
    Floors floors;
    for (uint32_t& epoch : floors.epochs) epoch = below(34);
    std::vector<NodeWord> trimmed = chain;
    TrimChain(floors, &trimmed);
    const auto row = [](const std::vector<NodeWord>& in, View view) {
      for (const NodeWord word : in) {
        if ((word & view.line) != 0 && EpochOf(word) <= view.epoch) return IsRemoved(word) ? 0 : SlotOf(word);
      }
      return 0u;
    };
    for (size_t line = 0; line < kLines; ++line) {
      for (uint32_t epoch = floors.epochs[line]; epoch < 34; ++epoch) {
        const View view{BitOf(static_cast<int>(line)), epoch};
        CHECK(row(chain, view) == row(trimmed, view));
      }
    }
  }
}

}  // namespace
}  // namespace tandem::serving
