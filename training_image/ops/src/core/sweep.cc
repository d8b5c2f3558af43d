#include "core/sweep.h"

#include "core/row_copy.h"

namespace tandem {
namespace {

bool IsUnseen(const RowStore& rows, const SweepRule& rule, uint32_t row) {
  const uint32_t seen = rows.seen(row).load(std::memory_order_relaxed);
  return seen != 0 && seen < rule.seen_before;
}

bool IsZero(const RowStore& rows, uint32_t row) {
  constexpr int kAtOnce = 16;
  float values[kAtOnce];
  // Most rows are told by their first values.
  for (int at = 0; at < rows.dim(); at += kAtOnce) {
    const int count = rows.dim() - at < kAtOnce ? rows.dim() - at : kAtOnce;
    LoadRow(rows.Values(row) + at, count, values);
    for (int i = 0; i < count; ++i) {
      if (values[i] != 0.0f) return false;
    }
  }
  return true;
}

}  // namespace

void LookForLeaving(const RowStore& rows, const SweepRule& rule, uint32_t begin, uint32_t end,
                    std::vector<uint32_t>* found) {
  for (uint32_t row = begin; row < end; ++row) {
    if (rows.IsFree(row)) continue;
    // Whether a zero row has taken a step belongs to who holds the step mutex.
    if (IsUnseen(rows, rule, row) || (rule.zero_rows && IsZero(rows, row))) found->push_back(row);
  }
}

Leaves MayLeave(const RowStore& rows, const SweepRule& rule, uint32_t row) {
  if (rows.IsFree(row)) return Leaves::kNot;
  if (IsUnseen(rows, rule, row)) return Leaves::kUnseen;
  if (rule.zero_rows && rows.steps(row) > 0 && IsZero(rows, row)) return Leaves::kZero;
  return Leaves::kNot;
}

}  // namespace tandem
