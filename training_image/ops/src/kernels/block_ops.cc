// Streams of blocks: begin a cut, write its blocks, check blocks that came back, load them.
#include <algorithm>
#include <numeric>
#include <string>

#include "core/block.h"
#include "kernels/cut_resource.h"
#include "kernels/outputs.h"
#include "kernels/table_resource.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {
namespace {

namespace tf = tensorflow;
using tf::shape_inference::InferenceContext;

REGISTER_OP("TandemBeginCut")
    .Input("table: resource")
    .Attr("full: bool")
    .Attr("consumer: int")
    .Output("cut: resource")
    .Output("epoch: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->Scalar());
      c->set_output(1, c->Scalar());
      return absl::OkStatus();
    });

REGISTER_OP("TandemNextBlock")
    .Input("cut: resource")
    .Input("head: string")
    .Input("number: int64")
    .Input("max_rows: int64")
    .Output("block: uint8")
    .Output("counts: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->Vector(InferenceContext::kUnknownDim));
      c->set_output(1, c->Vector(3));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Writes the next block of a cut; an empty one when everything has been read.

counts: rows, removed keys and words of admission of the block.
head: string [3]: table, layout and stream, as core/block.h has them.
)doc");

REGISTER_OP("TandemCloseCut").Input("cut: resource").SetIsStateful().SetShapeFn(tf::shape_inference::NoOutputs);

REGISTER_OP("TandemCheckBlock")
    .Input("table: resource")
    .Input("block: uint8")
    .Input("head: string")
    .Input("number: int64")
    .Output("why: string")
    .Output("keys: int64")
    .Output("removed: int64")
    .Output("admission: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->Scalar());
      for (int i : {1, 2, 3}) c->set_output(i, c->Vector(InferenceContext::kUnknownDim));
      return absl::OkStatus();
    })
    .Doc("Says why a table may not take a block; an empty `why` and what other blocks are held against if it may.");

REGISTER_OP("TandemLoadBlock")
    .Input("table: resource")
    .Input("block: uint8")
    .Input("head: string")
    .Input("number: int64")
    .Attr("mark_dirty: bool")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

// Inputs `first` and behind it: head [3] and number.
absl::Status HeadOf(tf::OpKernelContext* c, const TableResource& table, int first, BlockHead* head) {
  TF_RETURN_IF_ERROR(table.RequireShape("head", c->input(first), {3}));
  TF_RETURN_IF_ERROR(table.RequireShape("number", c->input(first + 1), {}));
  const auto text = c->input(first).vec<tf::tstring>();
  const int64_t number = c->input(first + 1).scalar<int64_t>()();
  if (number < 0) return table.Refusal("number must be at least 0, it is " + std::to_string(number));
  *head = {std::string(text(0)), std::string(text(1)), std::string(text(2)), static_cast<uint64_t>(number)};
  return table.FromCore(CheckHead(*head));
}

// The block of input 1, if it belongs to the table; LoadRows looks at its contents, and before it CheckBlock.
absl::Status ReadInput(tf::OpKernelContext* c, const TableResource& table, BlockView* view, Status* why) {
  BlockHead expected;
  TF_RETURN_IF_ERROR(HeadOf(c, table, 2, &expected));
  const auto bytes = c->input(1).flat<uint8_t>();
  const TableOptions& options = table.table().options();
  *why = ReadBlock(bytes.data(), static_cast<size_t>(bytes.size()), view);
  if (why->ok()) *why = BelongsTo(*view, expected, options.dim, options.optimizer);
  return absl::OkStatus();
}

// The rows of a block in the order of their keys, as the table takes them.
Rows SortedRows(const BlockColumns& columns) {
  std::vector<uint32_t> order(columns.rows);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return columns.keys[a] < columns.keys[b]; });
  Rows rows;
  rows.keys.reserve(columns.rows);
  rows.values.reserve(columns.rows * columns.dim);
  rows.slots.reserve(columns.rows * columns.width);
  rows.steps.reserve(columns.rows);
  rows.seen.reserve(columns.rows);
  for (const size_t row : order) {
    const float* values = columns.values + row * columns.dim;
    const float* slots = columns.slots + row * columns.width;
    rows.keys.push_back(columns.keys[row]);
    rows.values.insert(rows.values.end(), values, values + columns.dim);
    rows.slots.insert(rows.slots.end(), slots, slots + columns.width);
    rows.steps.push_back(columns.steps[row]);
    rows.seen.push_back(columns.seen[row]);
  }
  return rows;
}

absl::Status CutOf(tf::OpKernelContext* c, tf::core::RefCountPtr<CutResource>* cut) {
  return tf::LookupResource(c, tf::HandleFromInput(c, 0), cut);
}

class BeginCutOp : public tf::OpKernel {
 public:
  explicit BeginCutOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("full", &full_));
    OP_REQUIRES_OK(c, c->GetAttr("consumer", &consumer_));
  }
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    std::shared_ptr<Cut> cut;
    OP_REQUIRES_OK(c, table->FromCore(table->table().BeginCut(full_, consumer_, &cut)));
    std::vector<uint64_t> admission;
    if (full_) admission = table->table().AdmissionState();
    OP_REQUIRES_OK(c, OutputScalar<int64_t>(c, 1, cut->epoch()));
    auto* resource = new CutResource(std::move(table), std::move(cut), std::move(admission));
    OP_REQUIRES_OK(c, OutputScalar<tf::ResourceHandle>(
                          c, 0, tf::ResourceHandle::MakeRefCountingHandle(resource, c->device()->name())));
  }

 private:
  bool full_;
  int consumer_;
};

class NextBlockOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<CutResource> cut;
    OP_REQUIRES_OK(c, CutOf(c, &cut));
    BlockHead head;
    OP_REQUIRES_OK(c, HeadOf(c, cut->table(), 1, &head));
    OP_REQUIRES_OK(c, cut->table().RequireShape("max_rows", c->input(3), {}));
    const int64_t max_rows = c->input(3).scalar<int64_t>()();
    OP_REQUIRES(c, max_rows >= 1, cut->table().Refusal("max_rows must be at least 1"));
    OP_REQUIRES_OK(c, cut->Next(static_cast<size_t>(max_rows), [&](const BlockColumns& columns) -> absl::Status {
      const auto counts = {columns.rows, columns.removed_size, columns.admission_size};
      TF_RETURN_IF_ERROR(OutputColumn<int64_t>(c, 1, counts.begin(), counts.size()));
      const BlockWriter writer(head, columns);
      const bool none = std::max(counts) == 0;
      tf::Tensor* out = nullptr;
      TF_RETURN_IF_ERROR(c->allocate_output(0, {none ? 0 : static_cast<int64_t>(writer.size())}, &out));
      if (!none) writer.Write(out->flat<uint8_t>().data());
      return absl::OkStatus();
    }));
  }
};

class CloseCutOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<CutResource> cut;
    OP_REQUIRES_OK(c, CutOf(c, &cut));
    cut->Close();
  }
};

class CheckBlockOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    BlockView view;
    Status status;
    OP_REQUIRES_OK(c, ReadInput(c, *table, &view, &status));
    if (status.ok()) status = CheckContents(view.columns, table->table().options().optimizer);
    OP_REQUIRES_OK(c, OutputScalar<tf::tstring>(c, 0, status.why()));
    const BlockColumns columns = status.ok() ? view.columns : BlockColumns();
    OP_REQUIRES_OK(c, OutputColumn<int64_t>(c, 1, columns.keys, columns.rows));
    OP_REQUIRES_OK(c, OutputColumn<int64_t>(c, 2, columns.removed, columns.removed_size));
    OP_REQUIRES_OK(c, OutputColumn<int64_t>(c, 3, columns.admission, columns.admission_size));
  }
};

class LoadBlockOp : public tf::OpKernel {
 public:
  explicit LoadBlockOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("mark_dirty", &mark_dirty_));
  }
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    BlockView view;
    Status status;
    OP_REQUIRES_OK(c, ReadInput(c, *table, &view, &status));
    OP_REQUIRES_OK(c, table->FromCore(status));
    const Rows rows = SortedRows(view.columns);
    const RowsView sorted = {rows.keys.size(),  rows.keys.data(),  rows.values.data(),
                             rows.slots.data(), rows.steps.data(), rows.seen.data()};
    OP_REQUIRES_OK(c, table->FromCore(table->table().LoadRows(sorted, view.columns.removed, view.columns.removed_size,
                                                              mark_dirty_)));
  }

 private:
  bool mark_dirty_;
};

REGISTER_KERNEL_BUILDER(Name("TandemBeginCut").Device(tf::DEVICE_CPU), BeginCutOp);
REGISTER_KERNEL_BUILDER(Name("TandemNextBlock").Device(tf::DEVICE_CPU), NextBlockOp);
REGISTER_KERNEL_BUILDER(Name("TandemCloseCut").Device(tf::DEVICE_CPU), CloseCutOp);
REGISTER_KERNEL_BUILDER(Name("TandemCheckBlock").Device(tf::DEVICE_CPU), CheckBlockOp);
REGISTER_KERNEL_BUILDER(Name("TandemLoadBlock").Device(tf::DEVICE_CPU), LoadBlockOp);

}  // namespace
}  // namespace tandem
