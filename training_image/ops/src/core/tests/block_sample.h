// A small block for tests, and its bytes.
//
// Memory:  owns its columns.
// Threads: a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/block.h"

namespace tandem::testing {

struct BlockSample {
  BlockHead head{"user \"id\"\n", "accumulator", "000102030405060708090a0b0c0d0e0f", 7};
  std::vector<int64_t> keys = {3, -1};
  std::vector<float> values = {1, 2, 3, -4, 0.5f, 0};
  std::vector<float> slots = {0.1f, 0.2f, 0.3f, 4, 5, 6};
  std::vector<uint32_t> steps = {9, 0xFFFFFFFF};
  std::vector<uint32_t> seen = {0, 1700000000};
  std::vector<int64_t> removed = {INT64_MIN, 5, INT64_MAX};
  std::vector<uint64_t> admission = {0, UINT64_MAX};

  BlockColumns Columns() const {
    return {keys.size(),
            3,
            3,
            keys.data(),
            values.data(),
            slots.data(),
            steps.data(),
            seen.data(),
            removed.data(),
            removed.size(),
            admission.data(),
            admission.size()};
  }

  std::string Bytes() const {
    const BlockWriter writer(head, Columns());
    std::string out(writer.size(), 0);
    writer.Write(reinterpret_cast<uint8_t*>(out.data()));
    return out;
  }
};

}  // namespace tandem::testing
