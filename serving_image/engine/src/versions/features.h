// From ids to the features of the dense part: lookups and pooling.
//
// Memory:  writes into the room given; nothing is allocated.
// Threads: any, with a version that is pinned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "versions/dense.h"
#include "versions/version.h"

namespace tandem::serving {

// The int64 id that fills a pooled input up to its length.
inline constexpr int64_t kPadding = -1;

// Writes the feature of an input that has a table: `ids` are batch * input.length, row by row. `present` says which of
// them count for sums and means (empty strings do not); nullptr: all but kPadding. Unpooled inputs take every id.
void FillFeature(const Version& version, const InputSpec& input, const int64_t* ids, const bool* present, size_t batch,
                 const FeatureRoom& room);

}  // namespace tandem::serving
