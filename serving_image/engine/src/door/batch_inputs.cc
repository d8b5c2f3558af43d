#include "door/batch_inputs.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/finite.h"
#include "core/xxh64.h"
#include "door/text.h"

namespace tandem::serving::door {
namespace {

// `read` takes the values of the repeated fields.
template <typename T>
void CopyNumbers(DType dtype, const TensorView& tensor, size_t count, T* values, void (*read)(const TensorView&, T*)) {
  if (count == 0) return;
  const bool listed = tensor.content.empty();
  if (Values(dtype, tensor) == 1 && count != 1) {
    T one = 0;
    listed ? read(tensor, &one) : static_cast<void>(std::memcpy(&one, tensor.content.data(), sizeof one));
    std::fill_n(values, count, one);
  } else if (listed) {
    read(tensor, values);
  } else {
    std::memcpy(values, tensor.content.data(), count * sizeof *values);
  }
}

void CopyStrings(const TensorView& tensor, size_t count, int64_t* ids, bool* present) {
  size_t at = 0;
  ForEachString(tensor, [&](std::string_view text) {
    if (at == count) return;  // one value for no rows
    ids[at] = static_cast<int64_t>(Xxh64(text.data(), text.size()));
    present[at++] = !text.empty();
  });
  if (at == 1 && count > 1) {
    std::fill_n(ids + 1, count - 1, ids[0]);
    std::fill_n(present + 1, count - 1, present[0]);
  }
}

// The one row of a user for all candidates: `count` values, of which `given` are there.
template <typename Value>
void RepeatRow(size_t given, size_t count, Value* values) {
  for (size_t at = given; at < count; at += given) std::copy_n(values, given, values + at);
}

}  // namespace

void BatchInputs::Begin(const ModelSpec& spec) {
  spec_ = &spec;
  rows_ = 0;
  arrays_.resize(spec.inputs.size());
  columns_.resize(spec.inputs.size());
}

Refusal BatchInputs::Append(const Checked& checked) {
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const InputSpec& input = spec_->inputs[i];
    const TensorView& tensor = *checked.inputs[i];
    Array& array = arrays_[i];
    const auto length = static_cast<size_t>(input.length);
    const size_t begin = rows_ * length, count = checked.rows * length;
    const size_t given = std::min(RowsOf(tensor) * length, count);
    if (input.dtype == DType::kFloat32) {
      Refusal refusal = AppendFloats(input, tensor, given, count, &array);
      if (!refusal.ok()) return refusal;
      continue;
    }
    if (array.ids.size() < begin + count) Grow(begin + count, input.dtype == DType::kString, &array);
    int64_t* ids = array.ids.data() + begin;
    if (input.dtype == DType::kInt64) {
      CopyNumbers(DType::kInt64, tensor, given, ids, ReadInt64s);
    } else {
      CopyStrings(tensor, given, ids, array.present.get() + begin);
      RepeatRow(given, count, array.present.get() + begin);
    }
    RepeatRow(given, count, ids);
  }
  rows_ += checked.rows;
  return Refusal::None();
}

BatchInputs::Room BatchInputs::Make(size_t input, size_t rows) {
  const InputSpec& spec = spec_->inputs[input];
  Array& array = arrays_[input];
  const size_t begin = rows_ * static_cast<size_t>(spec.length);
  const size_t size = begin + rows * static_cast<size_t>(spec.length);
  if (spec.dtype == DType::kFloat32) {
    if (array.values.size() < size) array.values.resize(size);
    return {nullptr, nullptr, array.values.data() + begin};
  }
  if (array.ids.size() < size) Grow(size, spec.dtype == DType::kString, &array);
  return {array.ids.data() + begin, spec.dtype == DType::kString ? array.present.get() + begin : nullptr, nullptr};
}

void BatchInputs::Grow(size_t size, bool strings, Array* array) {
  if (strings) {
    auto present = std::make_unique<bool[]>(size);
    std::copy_n(array->present.get(), array->ids.size(), present.get());
    array->present = std::move(present);
  }
  array->ids.resize(size);
}

Refusal BatchInputs::AppendFloats(const InputSpec& input, const TensorView& tensor, size_t given, size_t count,
                                  Array* array) {
  const auto length = static_cast<size_t>(input.length);
  const size_t begin = rows_ * length;
  if (array->values.size() < begin + count) array->values.resize(begin + count);
  float* values = array->values.data() + begin;
  CopyNumbers(DType::kFloat32, tensor, given, values, ReadFloats);
  const size_t at = FirstNotFinite(values, given);
  RepeatRow(given, count, values);
  if (at == given) return Refusal::None();
  return Refusal::BadRequest("input " + Quoted(input.name) + " has " + FloatText(values[at]) + " in row " +
                             std::to_string(at / length) + ", column " + std::to_string(at % length) +
                             "; send finite numbers only");
}

Batch BatchInputs::Slice(size_t from, size_t rows) {
  for (size_t i = 0; i < arrays_.size(); ++i) {
    const size_t begin = from * static_cast<size_t>(spec_->inputs[i].length);
    const DType dtype = spec_->inputs[i].dtype;
    columns_[i] = {};
    if (dtype == DType::kFloat32) {
      columns_[i].values = arrays_[i].values.data() + begin;
    } else {
      columns_[i].ids = arrays_[i].ids.data() + begin;
      if (dtype == DType::kString) columns_[i].present = arrays_[i].present.get() + begin;
    }
  }
  return {rows, columns_.data()};
}

}  // namespace tandem::serving::door
