// The serving part of a record as its model reads it: which rows and weights it brings, checked.
//
// Memory:  points into the files that it was read from.
// Threads: values; the checks are pure.
//
// The rules are wire's (tandem_wire/lineage/serving.py): a base and a keyframe have keys and values of every table that
// they cover and remove nothing, an update may have any; every record has all weights; nothing else is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/status.h"
#include "versions/model_spec.h"
#include "versions/tensor_files.h"

namespace tandem::serving {

enum class RecordKind { kBase, kUpdate, kKeyframe };

// What a record says about one table; all empty where it says nothing.
struct TablePart {
  bool covered = false;  // of a base or keyframe: these are all rows
  const int64_t* keys = nullptr;
  const float* values = nullptr;
  size_t rows = 0;
  const int64_t* removed = nullptr;
  size_t removals = 0;
};

struct ServingPart {
  std::vector<TablePart> tables;      // in the order of the model's
  std::vector<const float*> weights;  // in the order of the model's
};

// Checks names, types and shapes, and that weights are finite; the rows' contents are CheckRows' part.
Status ReadServingPart(const ModelSpec& spec, RecordKind kind, const TensorFiles& files, ServingPart* part);

// Checks rows `begin` to `end` of a table: keys ascend, also from the row before `begin`, and values are finite.
Status CheckRows(const TableSpec& table, const TablePart& part, size_t begin, size_t end);

// Checks that removed keys ascend and that none of them is also changed. The part's keys ascend.
Status CheckRemoved(const TableSpec& table, const TablePart& part);

}  // namespace tandem::serving
