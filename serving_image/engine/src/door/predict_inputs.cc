#include "door/predict_inputs.h"

#include <algorithm>
#include <string>

#include "door/text.h"

namespace tandem::serving::door {
namespace {

int32_t WireType(DType dtype) {
  constexpr int32_t kFloat = 1, kString = 7, kInt64 = 9;
  return dtype == DType::kFloat32 ? kFloat : dtype == DType::kString ? kString : kInt64;
}

size_t ItemSize(DType dtype) { return dtype == DType::kInt64 ? sizeof(int64_t) : sizeof(float); }

std::string Joined(const std::vector<std::string_view>& names) {
  std::string out;
  for (std::string_view name : names) out += (out.empty() ? "" : ", ") + Quoted(name);
  return out;
}

std::string InputNames(const ModelSpec& spec) {
  std::vector<std::string_view> names;
  for (const InputSpec& input : spec.inputs) names.push_back(input.name);
  return Joined(names);
}

Refusal CheckNames(const ModelSpec& spec, const PredictRequest& request, Checked* checked) {
  checked->inputs.assign(spec.inputs.size(), nullptr);
  std::vector<std::string_view> unknown, missing;
  size_t next = 0;
  for (const TensorView& tensor : request.inputs) {
    const size_t at = Find(spec, tensor.name, next);
    if (at == kNoInput) {
      unknown.push_back(tensor.name);
    } else {
      checked->inputs[at] = &tensor;
      next = at + 1 < spec.inputs.size() ? at + 1 : 0;
    }
  }
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    if (checked->inputs[i] == nullptr) missing.push_back(spec.inputs[i].name);
  }
  if (!missing.empty()) {
    return Refusal::BadRequest("input " + Joined(missing) + " is missing; the model takes " + InputNames(spec));
  }
  if (!unknown.empty()) {
    std::sort(unknown.begin(), unknown.end());
    unknown.erase(std::unique(unknown.begin(), unknown.end()), unknown.end());
    return Refusal::BadRequest("input " + Joined(unknown) + " is unknown; the model takes " + InputNames(spec) +
                               ": leave the others out");
  }
  return Refusal::None();
}

std::string ShapeOf(const TensorView& tensor) { return ShapeText(tensor.shape.sizes, Shape::kKept, tensor.shape.rank); }

Refusal CheckTensor(const InputSpec& input, const TensorView& tensor) {
  const auto name = [&input] { return "input " + Quoted(input.name); };
  const Shape& shape = tensor.shape;
  if (tensor.dtype != WireType(input.dtype)) {
    return Refusal::BadRequest(name() + " is " + DataTypeName(tensor.dtype) + "; it must be " +
                               DataTypeName(WireType(input.dtype)));
  }
  if (shape.unknown_rank) return Refusal::BadRequest(name() + " has no shape; send one");
  if (shape.negative) {
    return Refusal::BadRequest(name() + " has shape " + ShapeOf(tensor) + "; sizes must not be negative");
  }
  if (input.dtype != DType::kString && tensor.content.size() % ItemSize(input.dtype) != 0) {
    return Refusal::BadRequest(name() + ": tensor_content has " + std::to_string(tensor.content.size()) +
                               " bytes, no multiple of " + std::to_string(ItemSize(input.dtype)));
  }
  const size_t values = Values(input.dtype, tensor);
  const bool repeated = values == 1 && shape.count <= kMostRepeated;
  if (shape.countless || (values != shape.count && !repeated)) {
    const std::string count = shape.countless ? "as many as it says" : "exactly " + std::to_string(shape.count);
    return Refusal::BadRequest(name() + " has " + std::to_string(values) + " values for shape " + ShapeOf(tensor) +
                               "; send " + count);
  }
  return Refusal::None();
}

bool Fits(const InputSpec& input, const Shape& shape) {
  return shape.rank == 1 ? input.length == 1 : shape.rank == 2 && shape.sizes[1] == input.length;
}

Refusal CheckShape(const InputSpec& input, const TensorView& tensor) {
  if (Fits(input, tensor.shape)) return Refusal::None();
  return Refusal::BadRequest("input " + Quoted(input.name) + " has shape " + ShapeOf(tensor) + "; it must be (batch, " +
                             std::to_string(input.length) + ")" + (input.length == 1 ? " or (batch,)" : ""));
}

// The input whose rows are the request's: the first of the items' side, else the first that has not just one.
size_t Counting(const ModelSpec& spec, const Checked& checked) {
  size_t counting = 0;
  for (size_t i = spec.inputs.size(); i-- > 0;) {
    const bool better = !spec.inputs[i].user || (spec.inputs[counting].user && RowsOf(*checked.inputs[i]) != 1);
    if (better) counting = i;
  }
  return counting;
}

Refusal CheckRows(const ModelSpec& spec, size_t most_rows, Checked* checked) {
  const auto rows = [checked](size_t i) { return RowsOf(*checked->inputs[i]); };
  const size_t counting = Counting(spec, *checked);
  checked->rows = spec.inputs.empty() ? 0 : rows(counting);
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    if (rows(i) == checked->rows || (spec.inputs[i].user && rows(i) == 1)) continue;
    const auto [a, b] = std::minmax(counting, i);
    const bool user = spec.inputs[a].user || spec.inputs[b].user;
    return Refusal::BadRequest("input " + Quoted(spec.inputs[a].name) + " has " + std::to_string(rows(a)) +
                               " rows, but " + Quoted(spec.inputs[b].name) + " has " + std::to_string(rows(b)) +
                               "; all inputs must have as many" + (user ? ", or one if of the user's side" : ""));
  }
  return CheckMostRows(checked->rows, most_rows);
}

Refusal ChooseOutputs(const ModelSpec& spec, const PredictRequest& request, Checked* checked) {
  checked->outputs.clear();
  for (size_t i = 0; request.output_filter.empty() && i < spec.outputs.size(); ++i) checked->outputs.push_back(i);
  for (std::string_view name : request.output_filter) {
    const auto found = std::find(spec.outputs.begin(), spec.outputs.end(), name);
    if (found == spec.outputs.end()) {
      const std::vector<std::string_view> names(spec.outputs.begin(), spec.outputs.end());
      return Refusal::BadRequest("output_filter names " + Quoted(name) + "; the model has " + Joined(names));
    }
    const auto at = static_cast<size_t>(found - spec.outputs.begin());
    auto& chosen = checked->outputs;
    if (std::find(chosen.begin(), chosen.end(), at) == chosen.end()) chosen.push_back(at);
  }
  return Refusal::None();
}

}  // namespace

size_t Find(const ModelSpec& spec, std::string_view name, size_t begin) {
  const size_t size = spec.inputs.size();
  for (size_t i = 0; i < size; ++i) {
    const size_t at = begin + i < size ? begin + i : begin + i - size;
    if (spec.inputs[at].name == name) return at;
  }
  return kNoInput;
}

size_t Values(DType dtype, const TensorView& tensor) {
  if (dtype == DType::kString) return tensor.strings;
  if (!tensor.content.empty()) return tensor.content.size() / ItemSize(dtype);
  return dtype == DType::kInt64 ? tensor.int64s : tensor.floats;
}

Refusal CheckMostRows(size_t rows, size_t most_rows) {
  if (rows <= most_rows) return Refusal::None();
  return Refusal::BadRequest("the request has " + std::to_string(rows) + " rows, at most " + std::to_string(most_rows) +
                             " are taken at once; split it");
}

Refusal Check(const ModelSpec& spec, const PredictRequest& request, size_t most_rows, Checked* checked) {
  Refusal refusal = CheckNames(spec, request, checked);
  for (size_t i = 0; refusal.ok() && i < spec.inputs.size(); ++i) {
    refusal = CheckTensor(spec.inputs[i], *checked->inputs[i]);
  }
  for (size_t i = 0; refusal.ok() && i < spec.inputs.size(); ++i) {
    refusal = CheckShape(spec.inputs[i], *checked->inputs[i]);
  }
  if (refusal.ok()) refusal = CheckRows(spec, most_rows, checked);
  return refusal.ok() ? ChooseOutputs(spec, request, checked) : refusal;
}

}  // namespace tandem::serving::door
