// What the rows of a matrix have in common at their front: a user's features before those of many candidates.
//
// Memory:  reads the caller's.
// Threads: a pure function.
#pragma once

#include <cstddef>

#include "dense/arithmetic.h"

namespace tandem::serving {

// How many columns from the first on hold the same bits in all rows: a multiple of sixteen, or `width`. Reads two rows
// where they differ at once, as rows of different users do.
size_t SharedColumns(size_t rows, size_t width, In matrix);

// How many rows from the first on begin with the same `columns` columns; one at least.
size_t RowsAlike(size_t rows, size_t columns, In matrix);

}  // namespace tandem::serving
