// Lookup, peek and apply: what a step of training or of inference calls. Each takes one table or many.
#include <string>
#include <utility>
#include <vector>

#include "kernels/group.h"
#include "kernels/table_resource.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {
namespace {

namespace tf = tensorflow;
using tf::shape_inference::InferenceContext;
using tf::shape_inference::ShapeHandle;

// rows: at each position ids' shape with dim behind it; handles, where there are any: ids' shapes.
absl::Status RowsShape(InferenceContext* c) {
  std::vector<int> dims;
  TF_RETURN_IF_ERROR(c->GetAttr("dims", &dims));
  const int n = static_cast<int>(dims.size());
  if (c->num_inputs() < 2 * n || c->num_outputs() % n != 0) {
    return absl::InvalidArgumentError("dims must have an entry for each table");
  }
  for (int i = 0; i < n; ++i) {
    ShapeHandle rows;
    TF_RETURN_IF_ERROR(c->Concatenate(c->input(n + i), c->Vector(dims[i]), &rows));
    c->set_output(i, rows);
    if (c->num_outputs() > n) c->set_output(n + i, c->input(n + i));
  }
  return absl::OkStatus();
}

REGISTER_OP("TandemLookup")
    .Input("tables: N * resource")
    .Input("ids: T")
    .Input("event_time: int64")
    .Attr("N: int >= 1")
    .Attr("T: list({int64, string})")
    .Attr("dims: list(int)")
    .Output("rows: N * float")
    .Output("handles: N * int64")
    .SetIsStateful()
    .SetShapeFn(RowsShape);

REGISTER_OP("TandemPeek")
    .Input("tables: N * resource")
    .Input("ids: T")
    .Attr("N: int >= 1")
    .Attr("T: list({int64, string})")
    .Attr("dims: list(int)")
    .Output("rows: N * float")
    .SetIsStateful()
    .SetShapeFn(RowsShape);

REGISTER_OP("TandemApply")
    .Input("tables: N * resource")
    .Input("handles: N * int64")
    .Input("grads: N * float")
    .Input("learning_rate: M * float")
    .Attr("N: int >= 1")
    .Attr("M: int >= 0")
    .Attr("learning_rates: list(float)")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs)
    .Doc(R"doc(
Takes one optimizer step on each row that the handles name.

learning_rate: none or one scalar, for all tables.
learning_rates: for each table, where there is no scalar.
)doc");

// What lookup and peek have in common: which tables, and rows allocated for the ids.
class ReadOp : public tf::OpKernel {
 protected:
  explicit ReadOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    std::vector<tf::DataType> types;
    OP_REQUIRES_OK(c, c->GetAttr("dims", &dims_));
    OP_REQUIRES_OK(c, c->GetAttr("N", &n_));
    OP_REQUIRES_OK(c, c->GetAttr("T", &types));
    OP_REQUIRES(c, static_cast<int>(dims_.size()) == n_ && static_cast<int>(types.size()) == n_,
                absl::InvalidArgumentError("tables, ids and dims must be equally many"));
  }

  struct Read {
    Group tables;
    std::vector<int64_t> sizes;
    std::vector<float*> rows;
  };

  const tf::Tensor& Ids(tf::OpKernelContext* c, int position) const { return c->input(n_ + position); }

  absl::Status Begin(tf::OpKernelContext* c, Read* read) const {
    TF_RETURN_IF_ERROR(read->tables.Take(c, n_));
    for (int i = 0; i < n_; ++i) {
      const TableResource& table = read->tables[i];
      if (const int dim = table.table().options().dim; dim != dims_[i]) {
        return table.Refusal("dim is " + std::to_string(dims_[i]) + ", the table's is " + std::to_string(dim));
      }
      tf::TensorShape shape = Ids(c, i).shape();
      TF_RETURN_IF_ERROR(shape.AddDimWithStatus(dims_[i]));
      tf::Tensor* rows = nullptr;
      TF_RETURN_IF_ERROR(c->allocate_output(i, shape, &rows));
      read->sizes.push_back(Ids(c, i).NumElements());
      read->rows.push_back(rows->flat<float>().data());
    }
    return absl::OkStatus();
  }

  int n_;
  std::vector<int> dims_;
};

class LookupOp : public ReadOp {
 public:
  explicit LookupOp(tf::OpKernelConstruction* c) : ReadOp(c) {}

  void Compute(tf::OpKernelContext* c) override {
    Read read;
    OP_REQUIRES_OK(c, Begin(c, &read));
    OP_REQUIRES_OK(c, read.tables[0].RequireShape("event_time", c->input(2 * n_), {}));
    const int64_t event_time = c->input(2 * n_).scalar<int64_t>()();
    OP_REQUIRES(c, event_time >= 0 && event_time <= kGreatestEventTime,
                read.tables[0].Refusal("event_time must be in 0 … " + std::to_string(kGreatestEventTime) + ", not " +
                                       std::to_string(event_time) + ": count from a later moment or in longer units"));
    std::vector<int64_t*> handles;
    for (int i = 0; i < n_; ++i) {
      tf::Tensor* out = nullptr;
      OP_REQUIRES_OK(c, c->allocate_output(n_ + i, Ids(c, i).shape(), &out));
      handles.push_back(out->flat<int64_t>().data());
    }
    OP_REQUIRES_OK(c, read.tables.Run(c, read.sizes, [&](int i, const Parallel& threads) {
      std::vector<int64_t> storage;
      return read.tables[i].FromCore(read.tables[i].table().Lookup(KeysOf(Ids(c, i), &storage), read.sizes[i],
                                                                   static_cast<uint32_t>(event_time), read.rows[i],
                                                                   handles[i], threads));
    }));
  }
};

class PeekOp : public ReadOp {
 public:
  explicit PeekOp(tf::OpKernelConstruction* c) : ReadOp(c) {}

  void Compute(tf::OpKernelContext* c) override {
    Read read;
    OP_REQUIRES_OK(c, Begin(c, &read));
    OP_REQUIRES_OK(c, read.tables.Run(c, read.sizes, [&](int i, const Parallel& threads) {
      std::vector<int64_t> storage;
      read.tables[i].table().Peek(KeysOf(Ids(c, i), &storage), read.sizes[i], read.rows[i], threads);
      return absl::OkStatus();
    }));
  }
};

class ApplyOp : public tf::OpKernel {
 public:
  explicit ApplyOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("N", &n_));
    OP_REQUIRES_OK(c, c->GetAttr("learning_rates", &learning_rates_));
    OP_REQUIRES(c, static_cast<int>(learning_rates_.size()) == n_,
                absl::InvalidArgumentError("tables and learning_rates must be equally many"));
  }

  void Compute(tf::OpKernelContext* c) override {
    Group tables;
    OP_REQUIRES_OK(c, tables.Take(c, n_));
    std::vector<int64_t> sizes;
    for (int i = 0; i < n_; ++i) {
      OP_REQUIRES_OK(c, CheckGradients(tables[i], c->input(n_ + i), c->input(2 * n_ + i)));
      sizes.push_back(c->input(n_ + i).NumElements());
    }
    std::vector<float> learning_rates = learning_rates_;
    if (c->num_inputs() > 3 * n_) {
      OP_REQUIRES_OK(c, tables[0].RequireShape("learning_rate", c->input(3 * n_), {}));
      learning_rates.assign(n_, c->input(3 * n_).scalar<float>()());
    }
    OP_REQUIRES_OK(c, tables.Run(c, sizes, [&](int i, const Parallel& threads) {
      return tables[i].FromCore(tables[i].table().Apply(c->input(n_ + i).flat<int64_t>().data(), sizes[i],
                                                        c->input(2 * n_ + i).flat<float>().data(), learning_rates[i],
                                                        threads));
    }));
  }

 private:
  static absl::Status CheckGradients(const TableResource& table, const tf::Tensor& handles, const tf::Tensor& grads) {
    tf::TensorShape expected = handles.shape();
    TF_RETURN_IF_ERROR(expected.AddDimWithStatus(table.table().options().dim));
    if (grads.shape() == expected) return absl::OkStatus();
    return table.Refusal("grads must have the shape of handles with dim behind it, " + expected.DebugString() +
                         "; it is " + grads.shape().DebugString());
  }

  int n_;
  std::vector<float> learning_rates_;
};

REGISTER_KERNEL_BUILDER(Name("TandemLookup").Device(tf::DEVICE_CPU), LookupOp);
REGISTER_KERNEL_BUILDER(Name("TandemPeek").Device(tf::DEVICE_CPU), PeekOp);
REGISTER_KERNEL_BUILDER(Name("TandemApply").Device(tf::DEVICE_CPU), ApplyOp);

}  // namespace
}  // namespace tandem
