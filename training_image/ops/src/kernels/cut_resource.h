// A cut of a table that is being streamed as blocks, as a TensorFlow resource.
//
// Memory:  the cut, a reference on its table, the rows of one block (every call fills the same ones), and for a full cut
//          the state of the admission filter.
// Threads: any; a mutex orders the calls. The cut ends when all is read, at Close, or with the last handle.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/block.h"
#include "core/cut.h"
#include "kernels/table_resource.h"

namespace tandem {

class CutResource : public tensorflow::ResourceBase {
 public:
  // `admission`: the filter's state as of the cut.
  CutResource(tensorflow::core::RefCountPtr<TableResource> table, std::shared_ptr<Cut> cut,
              std::vector<uint64_t> admission)
      : table_(std::move(table)), epoch_(cut->epoch()), cut_(std::move(cut)), admission_(std::move(admission)) {}

  std::string DebugString() const override { return "a cut of " + table_->DebugString(); }
  const TableResource& table() const { return *table_; }
  int64_t epoch() const { return epoch_; }

  // Calls `use` with the columns of the next block: up to `max_rows` rows, or when these are out, removed keys and
  // words of admission in as many bytes. None of them: everything has been read.
  absl::Status Next(size_t max_rows, const std::function<absl::Status(const BlockColumns&)>& use);

  void Close();

 private:
  BlockColumns NextRows(size_t max_rows);
  void NextRest(size_t max_rows, BlockColumns* columns);

  const tensorflow::core::RefCountPtr<TableResource> table_;
  const int64_t epoch_;

  std::mutex mutex_;          // guards all below
  std::shared_ptr<Cut> cut_;  // null once closed
  Rows rows_;
  std::vector<uint32_t> steps_, seen_;
  size_t removed_given_ = 0;
  std::vector<uint64_t> admission_;
  size_t admission_given_ = 0;
};

}  // namespace tandem
