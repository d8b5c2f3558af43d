// What the admission rule has counted, as checkpoints and snapshots carry it.
#include <vector>

#include "kernels/outputs.h"
#include "kernels/table_resource.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"

namespace tandem {
namespace {

namespace tf = tensorflow;

REGISTER_OP("TandemAdmissionState")
    .Input("table: resource")
    .Output("state: int64")
    .SetIsStateful()
    .SetShapeFn(VectorShape<>);

REGISTER_OP("TandemCheckAdmission")
    .Input("table: resource")
    .Input("state: int64")
    .Output("why: string")
    .SetIsStateful()
    .SetShapeFn(ScalarShape)
    .Doc("Says why a table's rule may not take this state; an empty sentence if it may.");

REGISTER_OP("TandemLoadAdmission")
    .Input("table: resource")
    .Input("state: int64")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

// The words of input 1.
absl::Status StateOf(tf::OpKernelContext* c, const TableResource& table, std::vector<uint64_t>* words) {
  const tf::Tensor& state = c->input(1);
  TF_RETURN_IF_ERROR(table.RequireShape("admission", state, {state.NumElements()}));
  const auto values = state.flat<int64_t>();
  words->assign(values.data(), values.data() + values.size());
  return absl::OkStatus();
}

class AdmissionStateOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    const std::vector<uint64_t> words = table->table().AdmissionState();
    OP_REQUIRES_OK(c, OutputColumn<int64_t>(c, 0, words.data(), words.size()));
  }
};

class CheckAdmissionOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    std::vector<uint64_t> state;
    OP_REQUIRES_OK(c, StateOf(c, *table, &state));
    const Status status = table->table().CheckAdmissionState(state.data(), state.size());
    OP_REQUIRES_OK(c, OutputScalar<tf::tstring>(c, 0, status.why()));
  }
};

class LoadAdmissionOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    std::vector<uint64_t> state;
    OP_REQUIRES_OK(c, StateOf(c, *table, &state));
    OP_REQUIRES_OK(c, table->FromCore(table->table().LoadAdmissionState(state.data(), state.size())));
  }
};

REGISTER_KERNEL_BUILDER(Name("TandemAdmissionState").Device(tf::DEVICE_CPU), AdmissionStateOp);
REGISTER_KERNEL_BUILDER(Name("TandemCheckAdmission").Device(tf::DEVICE_CPU), CheckAdmissionOp);
REGISTER_KERNEL_BUILDER(Name("TandemLoadAdmission").Device(tf::DEVICE_CPU), LoadAdmissionOp);

}  // namespace
}  // namespace tandem
