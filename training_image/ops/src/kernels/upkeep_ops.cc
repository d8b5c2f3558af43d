// What keeps a table in bounds: what it counts, which rows leave, who waits for deltas.
#include <initializer_list>
#include <string>

#include "kernels/outputs.h"
#include "kernels/table_resource.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"

namespace tandem {
namespace {

namespace tf = tensorflow;

constexpr int kStats = 7, kSwept = 4;

REGISTER_OP("TandemStats")
    .Input("table: resource")
    .Output("stats: int64")
    .SetIsStateful()
    .SetShapeFn(VectorShape<kStats>)
    .Doc("size, bytes_reserved, bytes_used, tombstones, refused_at_limit, not_admitted, evicted");

REGISTER_OP("TandemSweep")
    .Input("table: resource")
    .Input("seen_before: int64")
    .Input("places: int64")
    .Attr("zero_rows: bool")
    .Output("swept: int64")
    .SetIsStateful()
    .SetShapeFn(VectorShape<kSwept>)
    .Doc("looked, unseen, zero, wrapped");

REGISTER_OP("TandemLeave")
    .Input("table: resource")
    .Attr("consumer: int")
    .SetIsStateful()
    .SetShapeFn(tf::shape_inference::NoOutputs);

absl::Status OutputNumbers(tf::OpKernelContext* c, std::initializer_list<uint64_t> numbers) {
  return OutputColumn<int64_t>(c, 0, numbers.begin(), numbers.size());
}

class StatsOp : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    const TableStats stats = table->table().Stats();
    OP_REQUIRES_OK(c, OutputNumbers(c, {stats.size, stats.bytes_reserved, stats.bytes_used, stats.tombstones,
                                        stats.refused_at_limit, stats.not_admitted, stats.evicted}));
  }
};

class SweepOp : public tf::OpKernel {
 public:
  explicit SweepOp(tf::OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("zero_rows", &zero_)); }

  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    OP_REQUIRES_OK(c, table->RequireShape("seen_before", c->input(1), {}));
    OP_REQUIRES_OK(c, table->RequireShape("rows", c->input(2), {}));
    const int64_t seen_before = c->input(1).scalar<int64_t>()(), places = c->input(2).scalar<int64_t>()();
    OP_REQUIRES(c, seen_before >= 0 && seen_before <= kGreatestEventTime,
                table->Refusal("seen_before must be in 0 … " + std::to_string(kGreatestEventTime) + ", not " +
                               std::to_string(seen_before)));
    OP_REQUIRES(c, places >= 0, table->Refusal("rows must not be negative: " + std::to_string(places)));
    const SweepResult swept =
        table->table().Sweep({static_cast<uint32_t>(seen_before), zero_}, static_cast<size_t>(places));
    OP_REQUIRES_OK(c, OutputNumbers(c, {swept.looked, swept.unseen, swept.zero, swept.wrapped}));
  }

 private:
  bool zero_;
};

class LeaveOp : public tf::OpKernel {
 public:
  explicit LeaveOp(tf::OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("consumer", &consumer_)); }

  void Compute(tf::OpKernelContext* c) override {
    tf::core::RefCountPtr<TableResource> table;
    OP_REQUIRES_OK(c, TableOf(c, &table));
    OP_REQUIRES_OK(c, table->FromCore(table->table().Leave(consumer_)));
  }

 private:
  int consumer_;
};

REGISTER_KERNEL_BUILDER(Name("TandemStats").Device(tf::DEVICE_CPU), StatsOp);
REGISTER_KERNEL_BUILDER(Name("TandemSweep").Device(tf::DEVICE_CPU), SweepOp);
REGISTER_KERNEL_BUILDER(Name("TandemLeave").Device(tf::DEVICE_CPU), LeaveOp);

}  // namespace
}  // namespace tandem
