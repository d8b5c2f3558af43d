// A table as a whole: made, counted, listed, emptied of ids.
#include <string>
#include <vector>

#include "kernels/description.h"
#include "kernels/outputs.h"
#include "kernels/table_resource.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/resource_mgr.h"

namespace tandem {
namespace {

namespace tf = tensorflow;

REGISTER_OP("TandemHashVariable")
    .Attr("table_name: string")
    .Attr("description: string")
    .Output("table: resource")
    .SetIsStateful()
    .SetShapeFn(ScalarShape)
    .Doc(R"doc(
Makes an elastic table; it lives as long as its handle.

description: lines name=value, as src/kernels/description.cc lists them.
)doc");

REGISTER_OP("TandemSize").Input("table: resource").Output("size: int64").SetIsStateful().SetShapeFn(ScalarShape);

REGISTER_OP("TandemKeys").Input("table: resource").Output("keys: int64").SetIsStateful().SetShapeFn(VectorShape<>);

REGISTER_OP("TandemRemove")
    .Input("table: resource")
    .Input("ids: T")
    .Attr("T: {int64, string}")
    .Output("removed: int64")
    .SetIsStateful()
    .SetShapeFn(ScalarShape);

class HashVariableOp : public tf::OpKernel {
 public:
  explicit HashVariableOp(tf::OpKernelConstruction* c) : OpKernel(c) {
    std::string description;
    OP_REQUIRES_OK(c, c->GetAttr("table_name", &name_));
    OP_REQUIRES_OK(c, c->GetAttr("description", &description));
    const Status status = ReadDescription(description, &options_);
    OP_REQUIRES(c, status.ok(), absl::InvalidArgumentError("HashVariable \"" + name_ + "\": " + status.why()));
  }

  void Compute(tf::OpKernelContext* c) override {
    OP_REQUIRES_OK(c, OutputScalar<tf::ResourceHandle>(c, 0,
                                                       tf::ResourceHandle::MakeRefCountingHandle(
                                                           new TableResource(name_, options_), c->device()->name())));
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
    OP_REQUIRES_OK(c, OutputScalar<int64_t>(c, 0, static_cast<int64_t>(table->table().Size())));
  }
};

class KeysOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    const std::vector<int64_t> keys = table->table().Keys();
    OP_REQUIRES_OK(c, OutputColumn<int64_t>(c, 0, keys.data(), keys.size()));
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
    OP_REQUIRES_OK(
        c, OutputScalar<int64_t>(c, 0, static_cast<int64_t>(table->table().Remove(keys, c->input(1).NumElements()))));
  }
};

REGISTER_KERNEL_BUILDER(Name("TandemHashVariable").Device(tf::DEVICE_CPU), HashVariableOp);
REGISTER_KERNEL_BUILDER(Name("TandemSize").Device(tf::DEVICE_CPU), SizeOp);
REGISTER_KERNEL_BUILDER(Name("TandemKeys").Device(tf::DEVICE_CPU), KeysOp);
REGISTER_KERNEL_BUILDER(Name("TandemRemove").Device(tf::DEVICE_CPU), RemoveOp);

}  // namespace
}  // namespace tandem
