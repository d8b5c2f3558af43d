#include "kernels/table_resource.h"

#include "core/xxh64.h"
#include "tensorflow/core/framework/resource_mgr.h"

namespace tandem {

namespace tf = tensorflow;

absl::Status TableOf(tf::OpKernelContext* context, tf::core::RefCountPtr<TableResource>* table, int input) {
  return tf::LookupResource(context, tf::HandleFromInput(context, input), table);
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

absl::Status TableResource::RequireShape(const char* argument, const tf::Tensor& tensor,
                                         const tf::TensorShape& expected) const {
  if (tensor.shape() == expected) return absl::OkStatus();
  return Refusal(std::string(argument) + " must be of shape " + expected.DebugString() + ", it is " +
                 tensor.shape().DebugString());
}

}  // namespace tandem
