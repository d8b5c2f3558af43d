// Looks for rows that may leave: unseen for long, or shrunk to exactly zero.
//
// Memory:  a list of the rows found in the present batch.
// Threads: Look inside a Readers::Call and without the step mutex, beside anything; MayLeave under the step mutex,
//          which decides. Lookups are never stopped.
//
// A row that was never told an event time (seen 0) is not judged by time. Exactly zero means that every value is +0 or
// -0 and that the row has taken a step: a row that was just born with zeros stays. A row that a lookup has returned may
// leave before its step, if it is not stamped anew; then the step is refused, since its handle is stale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/row_store.h"

namespace tandem {

struct SweepRule {
  uint32_t seen_before = 0;  // rows last seen before this leave; 0: none
  bool zero_rows = false;
};

enum class Leaves { kNot, kUnseen, kZero };

struct SweepResult {
  size_t looked = 0;     // places, with or without a row
  size_t unseen = 0;     // rows that left because they were not seen for long
  size_t zero = 0;       // rows that left because they are zero
  bool wrapped = false;  // the last place was reached; the next sweep begins at the first one
};

// Appends the rows of the places begin ... end - 1 that seem to leave.
void LookForLeaving(const RowStore& rows, const SweepRule& rule, uint32_t begin, uint32_t end,
                    std::vector<uint32_t>* found);

// Whether a row leaves, and why. The caller holds the step mutex.
Leaves MayLeave(const RowStore& rows, const SweepRule& rule, uint32_t row);

}  // namespace tandem
