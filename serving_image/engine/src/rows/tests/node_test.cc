#include "rows/node.h"

#include <map>

#include "core/tests/check.h"

namespace tandem::serving {
namespace {

TEST(ANodeKeepsItsFourParts) {
  struct Case {
    uint32_t slot, epoch;
    bool removed;
    uint32_t lines;
  };
  for (const Case& c : {Case{1, 1, false, 1}, Case{UINT32_MAX, kLastEpoch, true, kLinesMask}, Case{7, 0, true, 8},
                        Case{1, kLastEpoch, false, 2}}) {
    const NodeWord word = NodeOf(c.slot, c.epoch, c.removed, c.lines);
    CHECK(SlotOf(word) == c.slot && EpochOf(word) == c.epoch && IsRemoved(word) == c.removed &&
          LinesOf(word) == c.lines);
    const NodeWord other = WithLines(word, 5);
    CHECK(SlotOf(other) == c.slot && EpochOf(other) == c.epoch && IsRemoved(other) == c.removed && LinesOf(other) == 5);
  }
  CHECK(SlotOf(kNoNode) == 0 && kNoNode != kEmptyEntry && LinesOf(kNoNode) == 0);
}

// A chain: line 1's update at epoch 9, a row of lines 1 and 2 from epoch 4, and line 2's removal at 6 before both.
TEST(AViewTakesTheFirstNodeOfItsLineThatIsNotLater) {
  const NodeWord shared = NodeOf(30, 4, false, 3), updated = NodeOf(20, 9, false, 1), removed = NodeOf(10, 6, true, 2);
  const std::map<uint32_t, NodeWord> older = {{10, updated}, {20, shared}, {30, kNoNode}};
  const auto seen = [&](uint32_t line, uint32_t epoch) {
    return VisibleIn(removed, {line, epoch}, [&](uint32_t slot) { return older.at(slot); });
  };
  struct Case {
    uint32_t line, epoch;
    NodeWord expected;
  };
  for (const Case& c : {Case{1, 9, updated}, Case{1, 8, shared}, Case{1, 3, kNoNode}, Case{2, 6, removed},
                        Case{2, 5, shared}, Case{2, 99, removed}, Case{4, 99, kNoNode}}) {
    CHECK(seen(c.line, c.epoch) == c.expected);
  }
}

}  // namespace
}  // namespace tandem::serving
