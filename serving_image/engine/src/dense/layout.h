// Where each value of a chain lies, such that joining and cutting rows costs nothing.
//
// Memory:  a value's row r starts at buffer + r * stride + offset. What a concat joins is made right inside its row, so
//          that a caller writes features into the input of the first layer; a slice is a view, and so is a reshape of
//          what lies alone. Only what stands in two concats, or is itself a view, is copied.
// Threads: immutable once made.
#pragma once

#include <cstddef>
#include <vector>

#include "dense/program.h"

namespace tandem::serving {

struct Place {
  size_t buffer = 0;
  size_t offset = 0;
  size_t stride = 0;  // floats from row to row
};

struct Copy {
  size_t value = 0;
  size_t column = 0;  // of the concat's row
};

struct Layout {
  std::vector<Place> places;              // per value
  std::vector<size_t> buffers;            // floats per sample
  std::vector<std::vector<Copy>> copies;  // per step; what a concat or reshape does not find in its place
};

Layout MakeLayout(const Program& program);

}  // namespace tandem::serving
