#include "core/rows.h"

#include <string>

#include "core/finite.h"

namespace tandem {
namespace {

constexpr char kNoCounter[] = "is negative or above 4294967295";
bool FitsCounter(int64_t count) { return count >= 0 && count <= 0xFFFFFFFF; }

}  // namespace

void Resize(size_t size, size_t dim, size_t slot_floats, Rows* rows) {
  rows->keys.resize(size);
  rows->values.resize(size * dim);
  rows->slots.resize(size * slot_floats);
  rows->steps.resize(size);
  rows->seen.resize(size);
}

Status RefusedRow(const char* column, size_t row, int64_t key, const char* why) {
  return Status::Refused(std::string(column) + "[" + std::to_string(row) + "] (key " + std::to_string(key) + ") " +
                         why);
}

Status CheckKeysAscend(const char* argument, const int64_t* keys, size_t size) {
  for (size_t i = 1; i < size; ++i) {
    if (keys[i - 1] >= keys[i]) {
      return RefusedRow(argument, i, keys[i], "does not ascend: keys must be sorted and unique");
    }
  }
  return Status();
}

Status CheckRows(const RowsView& rows, int dim, const Optimizer& optimizer) {
  if (Status status = CheckKeysAscend("keys", rows.keys, rows.size); !status.ok()) return status;
  const size_t width = static_cast<size_t>(optimizer.slots()) * dim;
  for (size_t i = 0; i < rows.size; ++i) {
    const float* slots = rows.slots + i * width;
    const float* values = rows.values + i * dim;
    if (FirstNotFinite(values, dim) != static_cast<size_t>(dim)) {
      return RefusedRow("rows", i, rows.keys[i], "is not finite");
    }
    if (FirstNotFinite(slots, width) != width) return RefusedRow("slots", i, rows.keys[i], "is not finite");
    if (!SlotsArePossible(optimizer, dim, slots)) {
      return RefusedRow("slots", i, rows.keys[i], "has a negative sum of squares");
    }
    if (!FitsCounter(rows.steps[i])) return RefusedRow("steps", i, rows.keys[i], kNoCounter);
    if (!FitsCounter(rows.seen[i])) return RefusedRow("seen", i, rows.keys[i], kNoCounter);
  }
  return Status();
}

}  // namespace tandem
