#include "kernels/table_resource.h"

#include "core/xxh64.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {
namespace {

namespace tf = tensorflow;
using tf::shape_inference::InferenceContext;

absl::Status ScalarOutput(InferenceContext* c) {
  c->set_output(0, c->Scalar());
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("TandemHashVariable")
    .Input("optimizer_parameters: double")
    .Attr("table_name: string")
    .Attr("dim: int >= 1")
    .Attr("seed: int")
    .Attr("initializer: {'zeros', 'uniform', 'truncated_normal'}")
    .Attr("scale: float")
    .Attr("optimizer: {'sgd', 'adagrad', 'adam'}")
    .Output("table: resource")
    .SetIsStateful()
    .SetShapeFn(ScalarOutput)
    .Doc(R"doc(
Makes an elastic table; it lives as long as its handle.

optimizer_parameters: float64 [4]: initial accumulator, beta1, beta2, epsilon; what an optimizer does not use is 0.
scale: half width of the uniform initializer, standard deviation of the truncated normal one.
)doc");

REGISTER_OP("TandemSize").Input("table: resource").Output("size: int64").SetIsStateful().SetShapeFn(ScalarOutput);

REGISTER_OP("TandemKeys")
    .Input("table: resource")
    .Output("keys: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->Vector(InferenceContext::kUnknownDim));
      return absl::OkStatus();
    });

REGISTER_OP("TandemRemove")
    .Input("table: resource")
    .Input("ids: T")
    .Attr("T: {int64, string}")
    .Output("removed: int64")
    .SetIsStateful()
    .SetShapeFn(ScalarOutput);

REGISTER_OP("TandemFingerprint")
    .Input("strings: string")
    .Output("keys: int64")
    .SetShapeFn(tf::shape_inference::UnchangedShape)
    .Doc("XXH64 with seed 0 of the raw bytes, as two's complement int64.");

absl::Status TableOf(tf::OpKernelContext* context, tf::core::RefCountPtr<TableResource>* table) {
  return tf::LookupResource(context, tf::HandleFromInput(context, 0), table);
}

const int64_t* KeysOf(const tf::Tensor& ids, std::vector<int64_t>* storage) {
  if (ids.dtype() == tf::DT_INT64) return ids.flat<int64_t>().data();
  const auto strings = ids.flat<tf::tstring>();
  storage->resize(strings.size());
  for (int64_t i = 0; i < strings.size(); ++i) {
    (*storage)[i] = static_cast<int64_t>(Xxh64(strings(i).data(), strings(i).size()));
  }
  return storage->data();
}

namespace {

class HashVariableOp : public tf::OpKernel {
 public:
  explicit HashVariableOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    int64_t seed;
    std::string initializer, optimizer;
    OP_REQUIRES_OK(c, c->GetAttr("table_name", &name_));
    OP_REQUIRES_OK(c, c->GetAttr("dim", &options_.dim));
    OP_REQUIRES_OK(c, c->GetAttr("seed", &seed));
    OP_REQUIRES_OK(c, c->GetAttr("initializer", &initializer));
    OP_REQUIRES_OK(c, c->GetAttr("scale", &options_.initializer.scale));
    OP_REQUIRES_OK(c, c->GetAttr("optimizer", &optimizer));
    options_.seed = static_cast<uint64_t>(seed);
    options_.initializer.kind = initializer == "zeros"     ? InitializerKind::kZeros
                                : initializer == "uniform" ? InitializerKind::kUniform
                                                           : InitializerKind::kTruncatedNormal;
    options_.optimizer.kind = optimizer == "sgd"       ? OptimizerKind::kSgd
                              : optimizer == "adagrad" ? OptimizerKind::kAdagrad
                                                       : OptimizerKind::kAdam;
  }

  void Compute(tf::OpKernelContext* c) override {
    const tf::Tensor& parameters = c->input(0);
    OP_REQUIRES(
        c, parameters.dims() == 1 && parameters.dim_size(0) == 4,
        absl::InvalidArgumentError("HashVariable \"" + name_ + "\": optimizer_parameters must be of shape [4]"));
    const auto p = parameters.vec<double>();
    TableOptions options = options_;
    options.optimizer.initial_accumulator = p(0);
    options.optimizer.beta1 = p(1);
    options.optimizer.beta2 = p(2);
    options.optimizer.epsilon = p(3);
    tf::Tensor* out = nullptr;
    OP_REQUIRES_OK(c, c->allocate_output(0, tf::TensorShape({}), &out));
    out->scalar<tf::ResourceHandle>()() =
        tf::ResourceHandle::MakeRefCountingHandle(new TableResource(name_, options), c->device()->name());
  }

 private:
  std::string name_;
  TableOptions options_;
};

class SizeOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    tf::Tensor* out = nullptr;
    OP_REQUIRES_OK(c, c->allocate_output(0, tf::TensorShape({}), &out));
    out->scalar<int64_t>()() = static_cast<int64_t>(table->table().Size());
  }
};

class KeysOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    const std::vector<int64_t> keys = table->table().Keys();
    OP_REQUIRES_OK(c, OutputColumn(c, 0, keys, keys.size()));
  }
};

class RemoveOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    std::vector<int64_t> storage;
    const int64_t* keys = KeysOf(c->input(1), &storage);
    tf::Tensor* out = nullptr;
    OP_REQUIRES_OK(c, c->allocate_output(0, tf::TensorShape({}), &out));
    out->scalar<int64_t>()() = static_cast<int64_t>(table->table().Remove(keys, c->input(1).NumElements()));
  }
};

class FingerprintOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::Tensor* out = nullptr;
    OP_REQUIRES_OK(c, c->allocate_output(0, c->input(0).shape(), &out));
    std::vector<int64_t> storage;
    std::copy_n(KeysOf(c->input(0), &storage), c->input(0).NumElements(), out->flat<int64_t>().data());
  }
};

REGISTER_KERNEL_BUILDER(Name("TandemHashVariable").Device(tf::DEVICE_CPU), HashVariableOp);
REGISTER_KERNEL_BUILDER(Name("TandemSize").Device(tf::DEVICE_CPU), SizeOp);
REGISTER_KERNEL_BUILDER(Name("TandemKeys").Device(tf::DEVICE_CPU), KeysOp);
REGISTER_KERNEL_BUILDER(Name("TandemRemove").Device(tf::DEVICE_CPU), RemoveOp);
REGISTER_KERNEL_BUILDER(Name("TandemFingerprint").Device(tf::DEVICE_CPU), FingerprintOp);

}  // namespace
}  // namespace tandem
