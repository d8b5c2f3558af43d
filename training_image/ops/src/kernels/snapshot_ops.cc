// Snapshots, deltas and what reads them back.
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/outputs.h"
#include "kernels/table_resource.h"
#include "kernels/worker_pool.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {
namespace {

namespace tf = tensorflow;
using tf::shape_inference::InferenceContext;

// keys [n], rows [n, ?], slots [n, ?], steps [n], seen [n] from output `first` on.
void SetColumns(InferenceContext* c, int first) {
  const auto n = InferenceContext::kUnknownDim;
  for (int i : {0, 3, 4}) c->set_output(first + i, c->Vector(n));
  for (int i : {1, 2}) c->set_output(first + i, c->Matrix(n, n));
}

REGISTER_OP("TandemSnapshot")
    .Input("table: resource")
    .Output("keys: int64")
    .Output("rows: float")
    .Output("slots: float")
    .Output("steps: int64")
    .Output("seen: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      SetColumns(c, 0);
      return absl::OkStatus();
    });

REGISTER_OP("TandemBeginDelta")
    .Input("table: resource")
    .Attr("consumer: int = 0")
    .Output("epoch: int64")
    .Output("keys: int64")
    .Output("rows: float")
    .Output("slots: float")
    .Output("steps: int64")
    .Output("seen: int64")
    .Output("removed: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->Scalar());
      SetColumns(c, 1);
      c->set_output(6, c->Vector(InferenceContext::kUnknownDim));
      return absl::OkStatus();
    });

REGISTER_OP("TandemAck")
    .Input("table: resource")
    .Input("epoch: int64")
    .Attr("consumer: int = 0")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

REGISTER_OP("TandemRestore")
    .Input("table: resource")
    .Input("keys: int64")
    .Input("rows: float")
    .Input("slots: float")
    .Input("steps: int64")
    .Input("seen: int64")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

REGISTER_OP("TandemLoadRows")
    .Input("table: resource")
    .Input("keys: int64")
    .Input("rows: float")
    .Input("slots: float")
    .Input("steps: int64")
    .Input("seen: int64")
    .Input("removed: int64")
    .Attr("mark_dirty: bool")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

absl::Status OutputRows(tf::OpKernelContext* c, int first, const TableOptions& options, const SortedRows& rows) {
  const auto n = static_cast<int64_t>(rows.size());
  const int64_t dim = options.dim, width = options.optimizer.slots() * dim;
  const std::initializer_list<tf::TensorShape> shapes = {{n}, {n, dim}, {n, width}, {n}, {n}};
  std::vector<tf::Tensor*> outs;
  for (const tf::TensorShape& shape : shapes) {
    outs.emplace_back();
    TF_RETURN_IF_ERROR(c->allocate_output(first + static_cast<int>(outs.size()) - 1, shape, &outs.back()));
  }
  rows.CopyTo({outs[0]->flat<int64_t>().data(), outs[1]->flat<float>().data(), outs[2]->flat<float>().data(),
               outs[3]->flat<int64_t>().data(), outs[4]->flat<int64_t>().data()},
              WorkerPool(*c));
  return absl::OkStatus();
}

// Inputs 1 to 5 as rows of this table, their shapes checked.
absl::Status InputRows(tf::OpKernelContext* c, TableResource& table, RowsView* rows) {
  const tf::Tensor& keys = c->input(1);
  if (keys.dims() != 1) {
    return table.Refusal("keys must be a vector, its shape is " + keys.shape().DebugString());
  }
  const TableOptions& options = table.table().options();
  const int64_t n = keys.dim_size(0), dim = options.dim, width = options.optimizer.slots() * dim;
  TF_RETURN_IF_ERROR(table.RequireShape("rows", c->input(2), {n, dim}));
  TF_RETURN_IF_ERROR(table.RequireShape("slots", c->input(3), {n, width}));
  TF_RETURN_IF_ERROR(table.RequireShape("steps", c->input(4), {n}));
  TF_RETURN_IF_ERROR(table.RequireShape("seen", c->input(5), {n}));
  rows->size = static_cast<size_t>(n);
  rows->keys = keys.flat<int64_t>().data();
  rows->values = c->input(2).flat<float>().data();
  rows->slots = c->input(3).flat<float>().data();
  rows->steps = c->input(4).flat<int64_t>().data();
  rows->seen = c->input(5).flat<int64_t>().data();
  return absl::OkStatus();
}

class SnapshotOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    SortedRows rows;
    OP_REQUIRES_OK(c, table->FromCore(table->table().Snapshot(&rows)));
    OP_REQUIRES_OK(c, OutputRows(c, 0, table->table().options(), rows));
  }
};

class BeginDeltaOp : public tf::OpKernel {
 public:
  explicit BeginDeltaOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("consumer", &consumer_));
  }
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    Delta delta;
    OP_REQUIRES_OK(c, table->FromCore(table->table().BeginDelta(consumer_, &delta)));
    OP_REQUIRES_OK(c, OutputScalar<int64_t>(c, 0, delta.epoch));
    OP_REQUIRES_OK(c, OutputRows(c, 1, table->table().options(), delta.rows));
    OP_REQUIRES_OK(c, OutputColumn<int64_t>(c, 6, delta.removed.data(), delta.removed.size()));
  }

 private:
  int consumer_;
};

class AckOp : public tf::OpKernel {
 public:
  explicit AckOp(tf::OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("consumer", &consumer_)); }
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    OP_REQUIRES_OK(c, table->RequireShape("epoch", c->input(1), {}));
    OP_REQUIRES_OK(c, table->FromCore(table->table().Ack(c->input(1).scalar<int64_t>()(), consumer_)));
  }

 private:
  int consumer_;
};

class RestoreOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    RowsView rows;
    OP_REQUIRES_OK(c, InputRows(c, *table, &rows));
    OP_REQUIRES_OK(c, table->FromCore(table->table().Restore(rows)));
  }
};

class LoadRowsOp : public tf::OpKernel {
 public:
  explicit LoadRowsOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("mark_dirty", &mark_dirty_));
  }
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    RowsView rows;
    OP_REQUIRES_OK(c, InputRows(c, *table, &rows));
    const tf::Tensor& removed = c->input(6);
    OP_REQUIRES_OK(c, table->RequireShape("removed", removed, {removed.NumElements()}));
    OP_REQUIRES_OK(c, table->FromCore(table->table().LoadRows(rows, removed.flat<int64_t>().data(),
                                                              removed.NumElements(), mark_dirty_)));
  }

 private:
  bool mark_dirty_;
};

REGISTER_KERNEL_BUILDER(Name("TandemSnapshot").Device(tf::DEVICE_CPU), SnapshotOp);
REGISTER_KERNEL_BUILDER(Name("TandemBeginDelta").Device(tf::DEVICE_CPU), BeginDeltaOp);
REGISTER_KERNEL_BUILDER(Name("TandemAck").Device(tf::DEVICE_CPU), AckOp);
REGISTER_KERNEL_BUILDER(Name("TandemRestore").Device(tf::DEVICE_CPU), RestoreOp);
REGISTER_KERNEL_BUILDER(Name("TandemLoadRows").Device(tf::DEVICE_CPU), LoadRowsOp);

}  // namespace
}  // namespace tandem
