// Which rows make room when a table is full: those that were seen the longest ago.
//
// Memory:  24 bytes per row that is to be found, for the time of the call; no list of all rows.
// Threads: under the table's step mutex. Lookups may stamp rows meanwhile.
//
// By (seen, key), so that the choice depends on what was told to the table and not on places or threads. Looking at all
// rows costs some milliseconds per million; so the table lets a share of its rows leave at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/row_store.h"

namespace tandem {

// Up to `most` live rows with the least (seen, key), in that order, without those in `stay`, which is sorted.
std::vector<uint32_t> LeastRecentlySeen(const RowStore& rows, size_t most, const std::vector<uint32_t>& stay);

}  // namespace tandem
