// What the admission rule has counted, as a checkpoint carries it.
#include <vector>

#include "kernels/table_resource.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {
namespace {

namespace tf = tensorflow;
using tf::shape_inference::InferenceContext;

REGISTER_OP("TandemAdmissionState")
    .Input("table: resource")
    .Output("state: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->Vector(InferenceContext::kUnknownDim));
      return absl::OkStatus();
    });

REGISTER_OP("TandemLoadAdmissionState")
    .Input("table: resource")
    .Input("state: int64")
    .Attr("check_only: bool")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

class AdmissionStateOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    const std::vector<uint64_t> words = table->table().AdmissionState();
    tf::Tensor* out = nullptr;
    OP_REQUIRES_OK(c, c->allocate_output(0, {static_cast<int64_t>(words.size())}, &out));
    std::copy(words.begin(), words.end(), out->vec<int64_t>().data());
  }
};

class LoadAdmissionStateOp : public tf::OpKernel {
 public:
  explicit LoadAdmissionStateOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    OP_REQUIRES_OK(c, c->GetAttr("check_only", &check_only_));
  }

  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    const tf::Tensor& state = c->input(1);
    OP_REQUIRES_OK(c, table->RequireShape("admission", state, {state.NumElements()}));
    const auto words = state.vec<int64_t>();
    const std::vector<uint64_t> copy(words.data(), words.data() + words.size());
    OP_REQUIRES_OK(c, table->FromCore(check_only_ ? table->table().CheckAdmissionState(copy.data(), copy.size())
                                                  : table->table().LoadAdmissionState(copy.data(), copy.size())));
  }

 private:
  bool check_only_;
};

REGISTER_KERNEL_BUILDER(Name("TandemAdmissionState").Device(tf::DEVICE_CPU), AdmissionStateOp);
REGISTER_KERNEL_BUILDER(Name("TandemLoadAdmissionState").Device(tf::DEVICE_CPU), LoadAdmissionStateOp);

}  // namespace
}  // namespace tandem
