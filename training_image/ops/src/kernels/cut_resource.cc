#include "kernels/cut_resource.h"

#include <algorithm>
#include <new>
#include <type_traits>

namespace tandem {
namespace {

// Counters as blocks have them; `room` takes them where the table's are wider.
template <typename T>
const uint32_t* Narrow(const std::vector<T>& from, std::vector<uint32_t>* room) {
  if constexpr (std::is_same_v<T, uint32_t>) {
    return from.data();
  } else {
    room->resize(from.size());
    std::transform(from.begin(), from.end(), room->begin(),
                   [](T value) { return static_cast<uint32_t>(std::min<T>(value, UINT32_MAX)); });
    return room->data();
  }
}

}  // namespace

absl::Status CutResource::Next(size_t max_rows, const std::function<absl::Status(const BlockColumns&)>& use) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (cut_ == nullptr) return table_->Refusal("cut was closed: begin another");
  try {
    BlockColumns columns = NextRows(max_rows);
    if (columns.rows == 0) NextRest(max_rows, &columns);
    return use(columns);
  } catch (const std::bad_alloc&) {
    cut_.reset();
    return absl::ResourceExhaustedError(table_->DebugString() + ": no memory for the cut; it is closed, begin another");
  }
}

void CutResource::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cut_.reset();
  admission_ = {};
}

BlockColumns CutResource::NextRows(size_t max_rows) {
  const TableOptions& options = table_->table().options();
  BlockColumns columns;
  columns.dim = static_cast<uint32_t>(options.dim);
  columns.width = columns.dim * static_cast<uint32_t>(options.optimizer.slots());
  if (!cut_->Next(max_rows, &rows_)) return columns;
  columns.rows = rows_.keys.size();
  columns.keys = rows_.keys.data();
  columns.values = rows_.values.data();
  columns.slots = rows_.slots.data();
  columns.steps = Narrow(rows_.steps, &steps_);
  columns.seen = Narrow(rows_.seen, &seen_);
  return columns;
}

void CutResource::NextRest(size_t max_rows, BlockColumns* columns) {
  static_assert(sizeof(int64_t) == sizeof(uint64_t));
  const std::vector<int64_t>& removed = cut_->removed();
  const size_t row_bytes = sizeof(int64_t) + 2 * sizeof(uint32_t) + sizeof(float) * (columns->dim + columns->width);
  const size_t most = std::max<size_t>(1, max_rows * row_bytes / sizeof(int64_t));
  columns->removed_size = std::min(most, removed.size() - removed_given_);
  columns->removed = removed.data() + removed_given_;
  removed_given_ += columns->removed_size;
  columns->admission_size = std::min(most - columns->removed_size, admission_.size() - admission_given_);
  columns->admission = admission_.data() + admission_given_;
  admission_given_ += columns->admission_size;
}

}  // namespace tandem
