// Lookup, peek and apply: what a step of training or of inference calls.
#include <string>
#include <vector>

#include "kernels/table_resource.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {
namespace {

namespace tf = tensorflow;
using tf::shape_inference::InferenceContext;
using tf::shape_inference::ShapeHandle;

// rows: ids' shape with dim behind it; handles, where there are any: ids' shape.
absl::Status RowsShape(InferenceContext* c) {
  int dim;
  ShapeHandle rows;
  TF_RETURN_IF_ERROR(c->GetAttr("dim", &dim));
  TF_RETURN_IF_ERROR(c->Concatenate(c->input(1), c->Vector(dim), &rows));
  c->set_output(0, rows);
  if (c->num_outputs() > 1) c->set_output(1, c->input(1));
  return absl::OkStatus();
}

REGISTER_OP("TandemLookup")
    .Input("table: resource")
    .Input("ids: T")
    .Input("event_time: int64")
    .Attr("T: {int64, string}")
    .Attr("dim: int >= 1")
    .Output("rows: float")
    .Output("handles: int64")
    .SetIsStateful()
    .SetShapeFn(RowsShape);

REGISTER_OP("TandemPeek")
    .Input("table: resource")
    .Input("ids: T")
    .Attr("T: {int64, string}")
    .Attr("dim: int >= 1")
    .Output("rows: float")
    .SetIsStateful()
    .SetShapeFn(RowsShape);

REGISTER_OP("TandemApply")
    .Input("table: resource")
    .Input("handles: int64")
    .Input("grads: float")
    .Input("learning_rate: float")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

absl::Status CheckScalar(const TableResource& table, const char* argument, const tf::Tensor& tensor) {
  if (tensor.dims() == 0) return absl::OkStatus();
  return table.Refusal(std::string(argument) + " must be a scalar, its shape is " + tensor.shape().DebugString());
}

// Allocates `rows` for the ids of input 1, after the attribute was held against the table.
absl::Status AllocateRows(tf::OpKernelContext* c, TableResource& table, int dim, tf::Tensor** rows) {
  if (dim != table.table().options().dim) {
    return table.Refusal("dim is " + std::to_string(dim) + ", the table's is " +
                         std::to_string(table.table().options().dim));
  }
  tf::TensorShape shape = c->input(1).shape();
  TF_RETURN_IF_ERROR(shape.AddDimWithStatus(dim));
  return c->allocate_output(0, shape, rows);
}

class LookupOp : public tf::OpKernel {
 public:
  explicit LookupOp(tf::OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("dim", &dim_)); }

  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    OP_REQUIRES_OK(c, CheckScalar(*table, "event_time", c->input(2)));
    tf::Tensor *rows = nullptr, *handles = nullptr;
    OP_REQUIRES_OK(c, AllocateRows(c, *table, dim_, &rows));
    OP_REQUIRES_OK(c, c->allocate_output(1, c->input(1).shape(), &handles));
    std::vector<int64_t> storage;
    table->table().Lookup(KeysOf(c->input(1), &storage), c->input(1).NumElements(), c->input(2).scalar<int64_t>()(),
                          rows->flat<float>().data(), handles->flat<int64_t>().data());
  }

 private:
  int dim_;
};

class PeekOp : public tf::OpKernel {
 public:
  explicit PeekOp(tf::OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("dim", &dim_)); }

  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    tf::Tensor* rows = nullptr;
    OP_REQUIRES_OK(c, AllocateRows(c, *table, dim_, &rows));
    std::vector<int64_t> storage;
    table->table().Peek(KeysOf(c->input(1), &storage), c->input(1).NumElements(), rows->flat<float>().data());
  }

 private:
  int dim_;
};

class ApplyOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    const tf::Tensor &handles = c->input(1), &grads = c->input(2), &learning_rate = c->input(3);
    tf::TensorShape expected = handles.shape();
    OP_REQUIRES_OK(c, expected.AddDimWithStatus(table->table().options().dim));
    OP_REQUIRES(c, grads.shape() == expected,
                table->Refusal("grads must have the shape of handles with dim behind it, " + expected.DebugString() +
                               "; it is " + grads.shape().DebugString()));
    OP_REQUIRES_OK(c, CheckScalar(*table, "learning_rate", learning_rate));
    OP_REQUIRES_OK(c,
                   table->FromCore(table->table().Apply(handles.flat<int64_t>().data(), handles.NumElements(),
                                                        grads.flat<float>().data(), learning_rate.scalar<float>()())));
  }
};

REGISTER_KERNEL_BUILDER(Name("TandemLookup").Device(tf::DEVICE_CPU), LookupOp);
REGISTER_KERNEL_BUILDER(Name("TandemPeek").Device(tf::DEVICE_CPU), PeekOp);
REGISTER_KERNEL_BUILDER(Name("TandemApply").Device(tf::DEVICE_CPU), ApplyOp);

}  // namespace
}  // namespace tandem
