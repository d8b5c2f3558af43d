// The table as a TensorFlow resource, and what every kernel on it needs.
//
// Memory:  the resource owns one core Table; a reference-counting handle tensor owns the resource, so a table lives as
//          long as some handle, function or running step holds it.
// Threads: kernels are stateless but for attributes; the Table orders its callers itself.
//
// Kernels check ranks and shapes, call the core and turn its refusals into InvalidArgument with the table's name in
// front. Static shapes come from the `dim` attribute, which every kernel compares with the table's own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/rows.h"
#include "core/table.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_base.h"

namespace tandem {

// Event times are 32 bits in the core.
inline constexpr int64_t kGreatestEventTime = 0xFFFFFFFF;

class TableResource : public tensorflow::ResourceBase {
 public:
  TableResource(std::string name, const TableOptions& options) : name_(std::move(name)), table_(options) {}

  std::string DebugString() const override { return "HashVariable \"" + name_ + "\""; }
  Table& table() { return table_; }
  const Table& table() const { return table_; }

  // InvalidArgument that says which table refuses, and why.
  absl::Status Refusal(const std::string& why) const { return absl::InvalidArgumentError(DebugString() + ": " + why); }
  // Refuses an argument that has another shape; {} is a scalar's.
  absl::Status RequireShape(const char* argument, const tensorflow::Tensor& tensor,
                            const tensorflow::TensorShape& expected) const;
  absl::Status FromCore(const Status& status) const { return status.ok() ? absl::OkStatus() : Refusal(status.why()); }

 private:
  const std::string name_;
  Table table_;
};

// The table behind an input.
absl::Status TableOf(tensorflow::OpKernelContext* context, tensorflow::core::RefCountPtr<TableResource>* table,
                     int input = 0);

// The ids of an int64 tensor as they are, of a string tensor by their fingerprints; `storage` keeps the latter.
const int64_t* KeysOf(const tensorflow::Tensor& ids, std::vector<int64_t>* storage);

}  // namespace tandem
