#include "versions/serving_part.h"

#include <algorithm>
#include <set>
#include <string>

#include "core/finite.h"

namespace tandem::serving {
namespace {

std::string RowsName(const TableSpec& table, const char* what) { return "rows/" + table.name + "/" + what; }

const char* NameOf(RecordKind kind) {
  return kind == RecordKind::kBase ? "a base" : kind == RecordKind::kKeyframe ? "a keyframe" : "an update";
}

// Takes the tensors of a model's parts out of all that are there; what is left belongs to nobody.
class Taker {
 public:
  explicit Taker(const TensorFiles& files) : files_(files) {
    for (const auto& [name, tensor] : files.all()) left_.insert(name);
  }

  const Tensor* Take(const std::string& name) {
    left_.erase(name);
    return files_.Find(name);
  }

  const std::set<std::string>& left() const { return left_; }

 private:
  const TensorFiles& files_;
  std::set<std::string> left_;
};

Status ReadKeys(const Tensor& tensor, const std::string& name, const int64_t** keys, size_t* count) {
  if (tensor.type != Tensor::Type::kInt64 || tensor.shape.size() != 1) {
    return Status::Refused(name + " is " + tensor.text() + ", must be (n,) int64");
  }
  *keys = tensor.ints();
  *count = tensor.count;
  return Status();
}

Status ReadRows(const TableSpec& table, const Tensor& keys, const Tensor& values, TablePart* part) {
  Status status = ReadKeys(keys, RowsName(table, "keys"), &part->keys, &part->rows);
  if (!status.ok()) return status;
  if (values.type != Tensor::Type::kFloat32 || values.shape != std::vector<size_t>{part->rows, table.dim}) {
    return Status::Refused(RowsName(table, "values") + " is " + values.text() + ", must be (" +
                           std::to_string(part->rows) + ", " + std::to_string(table.dim) + ") float32");
  }
  part->values = values.floats();
  return Status();
}

Status ReadTable(const TableSpec& table, RecordKind kind, Taker* taker, TablePart* part) {
  if (table.freezing && kind != RecordKind::kBase) return Status();  // what is there is left, and refused with that
  const Tensor* keys = taker->Take(RowsName(table, "keys"));
  const Tensor* values = taker->Take(RowsName(table, "values"));
  const Tensor* removed = taker->Take(RowsName(table, "removed"));
  part->covered = kind != RecordKind::kUpdate;
  if (part->covered && (keys == nullptr || values == nullptr || removed != nullptr)) {
    return Status::Refused("table " + table.name + ": " + NameOf(kind) +
                           " has keys and values of every such table, and nothing removed");
  }
  if ((keys == nullptr) != (values == nullptr)) {
    return Status::Refused(RowsName(table, "keys") + " and values must stand side by side");
  }
  if (keys != nullptr) {
    if (Status status = ReadRows(table, *keys, *values, part); !status.ok()) return status;
  }
  return removed == nullptr ? Status()
                            : ReadKeys(*removed, RowsName(table, "removed"), &part->removed, &part->removals);
}

Status ReadWeight(const WeightSpec& weight, Taker* taker, ServingPart* part) {
  const std::string name = "weights/" + weight.name;
  const Tensor* tensor = taker->Take(name);
  if (tensor == nullptr) return Status::Refused(name + " is missing; every record carries all weights");
  if (tensor->type != Tensor::Type::kFloat32 || tensor->shape != weight.shape) {
    Tensor wanted;
    wanted.type = Tensor::Type::kFloat32;
    wanted.shape = weight.shape;
    return Status::Refused(name + " is " + tensor->text() + ", the model says " + wanted.text());
  }
  const size_t at = FirstNotFinite(tensor->floats(), tensor->count);
  if (at != tensor->count) return Status::Refused(name + " is not finite at element " + std::to_string(at));
  part->weights.push_back(tensor->floats());
  return Status();
}

Status CheckAscending(const int64_t* keys, size_t begin, size_t end, const std::string& name) {
  for (size_t i = std::max(begin, size_t{1}); i < end; ++i) {
    if (keys[i] <= keys[i - 1]) {
      return Status::Refused(name + " must be unique and ascending: " + std::to_string(keys[i]) + " comes after " +
                             std::to_string(keys[i - 1]));
    }
  }
  return Status();
}

}  // namespace

Status ReadServingPart(const ModelSpec& spec, RecordKind kind, const TensorFiles& files, ServingPart* part) {
  *part = ServingPart();
  Taker taker(files);
  for (const TableSpec& table : spec.tables) {
    part->tables.emplace_back();
    if (Status status = ReadTable(table, kind, &taker, &part->tables.back()); !status.ok()) return status;
  }
  for (const WeightSpec& weight : spec.weights) {
    if (Status status = ReadWeight(weight, &taker, part); !status.ok()) return status;
  }
  if (taker.left().empty()) return Status();
  return Status::Refused(*taker.left().begin() + " is not in the model, or not in " + NameOf(kind));
}

Status CheckRows(const TableSpec& table, const TablePart& part, size_t begin, size_t end) {
  if (Status status = CheckAscending(part.keys, begin, end, RowsName(table, "keys")); !status.ok()) return status;
  const size_t size = (end - begin) * table.dim;
  const size_t at = FirstNotFinite(part.values + begin * table.dim, size);
  if (at == size) return Status();
  return Status::Refused(RowsName(table, "values") + " is not finite in the row of key " +
                         std::to_string(part.keys[begin + at / table.dim]));
}

Status CheckRemoved(const TableSpec& table, const TablePart& part) {
  const std::string name = RowsName(table, "removed");
  if (Status status = CheckAscending(part.removed, 0, part.removals, name); !status.ok()) return status;
  for (size_t i = 0; i < part.removals; ++i) {
    if (std::binary_search(part.keys, part.keys + part.rows, part.removed[i])) {
      return Status::Refused(name + " has key " + std::to_string(part.removed[i]) + ", which is also changed");
    }
  }
  return Status();
}

}  // namespace tandem::serving
