// Fingerprints of string ids outside a table.
#include "core/xxh64.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {
namespace {

namespace tf = tensorflow;

REGISTER_OP("TandemFingerprint")
    .Input("strings: string")
    .Attr("seed: int = 0")
    .Output("fingerprints: int64")
    .SetShapeFn(tf::shape_inference::UnchangedShape)
    .Doc("XXH64 of the raw bytes, as two's complement int64; with seed 0 the keys of string ids.");

class FingerprintOp : public tf::OpKernel {
 public:
  explicit FingerprintOp(tf::OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("seed", &seed_)); }

  void Compute(tf::OpKernelContext* c) override {
    tf::Tensor* out = nullptr;
    OP_REQUIRES_OK(c, c->allocate_output(0, c->input(0).shape(), &out));
    const auto strings = c->input(0).flat<tf::tstring>();
    auto fingerprints = out->flat<int64_t>();
    for (int64_t i = 0; i < strings.size(); ++i) {
      fingerprints(i) = static_cast<int64_t>(Xxh64(strings(i).data(), strings(i).size(), static_cast<uint64_t>(seed_)));
    }
  }

 private:
  int64_t seed_;
};

REGISTER_KERNEL_BUILDER(Name("TandemFingerprint").Device(tf::DEVICE_CPU), FingerprintOp);

}  // namespace
}  // namespace tandem
