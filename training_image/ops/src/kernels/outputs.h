// Outputs that many ops have, and their static shapes.
//
// Memory:  copies into a tensor that TensorFlow allocates.
// Threads: pure functions of a kernel's context.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tandem {

// Output 0 is a scalar.
inline absl::Status ScalarShape(tensorflow::shape_inference::InferenceContext* context) {
  context->set_output(0, context->Scalar());
  return absl::OkStatus();
}

// Output 0 is a vector, of a length that is known, or of any for -1.
template <int kSize = -1>
absl::Status VectorShape(tensorflow::shape_inference::InferenceContext* context) {
  context->set_output(0, context->Vector(kSize));
  return absl::OkStatus();
}

// A scalar as the output `index`.
template <typename T, typename Value>
absl::Status OutputScalar(tensorflow::OpKernelContext* context, int index, const Value& value) {
  tensorflow::Tensor* out = nullptr;
  TF_RETURN_IF_ERROR(context->allocate_output(index, tensorflow::TensorShape({}), &out));
  out->scalar<T>()() = value;
  return absl::OkStatus();
}

// A column as the output `index`, of T, shaped [rows].
template <typename T, typename Value>
absl::Status OutputColumn(tensorflow::OpKernelContext* context, int index, const Value* column, size_t rows) {
  tensorflow::Tensor* out = nullptr;
  TF_RETURN_IF_ERROR(context->allocate_output(index, tensorflow::TensorShape({static_cast<int64_t>(rows)}), &out));
  std::copy_n(column, rows, out->flat<T>().data());
  return absl::OkStatus();
}

}  // namespace tandem
