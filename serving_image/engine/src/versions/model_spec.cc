#include "versions/model_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace tandem::serving {
namespace {

using Json = nlohmann::json;

constexpr char kFormat[] = "tandem.model/1";
constexpr size_t kMost = size_t{1} << 24;  // of lengths, dims and sizes of shapes

// Reads fields of the right type; the first that is not so becomes the refusal.
class Reader {
 public:
  Status status() const { return why_.empty() ? Status() : Status::Refused(why_); }
  bool ok() const { return why_.empty(); }

  void Fail(const std::string& field, const std::string& why) {
    if (why_.empty()) why_ = field + " " + why;
  }

  // Whether it is an object with exactly these fields; the optional one may be absent.
  bool Object(const Json& value, const std::string& where, const std::set<std::string>& fields,
              const std::string& optional = "") {
    if (!value.is_object()) return Refuse(where, "must be an object");
    for (const auto& [name, member] : value.items()) {
      if (fields.count(name) == 0 && (optional.empty() || name != optional))
        return Refuse(where + name, "is a field that this server does not know");
    }
    for (const std::string& name : fields) {
      if (!value.contains(name)) return Refuse(where + name, "is missing");
    }
    return true;
  }

  // visit(element, "field[i].") for each element of a list.
  template <typename Visit>
  void List(const Json& object, const char* field, const Visit& visit) {
    const Json& list = object.at(field);
    if (!list.is_array()) return Fail(field, "must be a list");
    for (size_t i = 0; i < list.size() && ok(); ++i) visit(list[i], std::string(field) + "[" + std::to_string(i) + "]");
  }

  std::string Text(const Json& value, const std::string& where) {
    if (value.is_string()) return value.get<std::string>();
    Fail(where, "must be a string");
    return "";
  }

  size_t Size(const Json& value, const std::string& where, size_t least) {
    if (value.is_number_unsigned()) {
      const auto size = value.get<uint64_t>();
      if (size >= least && size <= kMost) return static_cast<size_t>(size);
    }
    Fail(where, "must be an integer from " + std::to_string(least) + " to " + std::to_string(kMost));
    return 1;
  }

  // The place of a text among the allowed ones.
  size_t Choice(const Json& value, const std::string& where, const std::vector<std::string>& allowed) {
    const auto found = std::find(allowed.begin(), allowed.end(), Text(value, where));
    if (found == allowed.end()) {
      std::string names;
      for (const std::string& name : allowed) names += (names.empty() ? "" : ", ") + name;
      Fail(where, "must be one of " + names);
      return 0;
    }
    return static_cast<size_t>(found - allowed.begin());
  }

 private:
  bool Refuse(const std::string& field, const std::string& why) {
    Fail(field, why);
    return false;
  }

  std::string why_;
};

// The place of what has this name; the number of all if none has.
template <typename Spec>
size_t PlaceOf(const std::vector<Spec>& specs, const std::string& name) {
  return static_cast<size_t>(
      std::find_if(specs.begin(), specs.end(), [&](const Spec& spec) { return spec.name == name; }) - specs.begin());
}

template <typename Spec>
void Distinct(const std::vector<Spec>& specs, const char* field, Reader* reader) {
  std::set<std::string> seen;
  for (const Spec& spec : specs) {
    if (!seen.insert(spec.name).second) reader->Fail(field, "has \"" + spec.name + "\" twice");
  }
}

void ReadTables(const Json& model, ModelSpec* spec, Reader* reader) {
  reader->List(model, "tables", [&](const Json& value, const std::string& where) {
    if (!reader->Object(value, where + ".", {"name", "dim", "group"})) return;
    TableSpec table;
    table.name = reader->Text(value["name"], where + ".name");
    table.dim = reader->Size(value["dim"], where + ".dim", 1);
    table.freezing = reader->Choice(value["group"], where + ".group", {"changing", "freezing"}) == 1;
    spec->tables.push_back(std::move(table));
  });
  Distinct(spec->tables, "tables", reader);
}

void ReadInputs(const Json& model, ModelSpec* spec, Reader* reader) {
  reader->List(model, "inputs", [&](const Json& value, const std::string& where) {
    if (!reader->Object(value, where + ".", {"name", "dtype", "table", "pooling", "length"}, "side")) return;
    InputSpec input;
    input.name = reader->Text(value["name"], where + ".name");
    input.type =
        static_cast<InputType>(reader->Choice(value["dtype"], where + ".dtype", {"int64", "string", "float32"}));
    input.pooling = static_cast<Pooling>(reader->Choice(value["pooling"], where + ".pooling", {"none", "sum", "mean"}));
    input.length = reader->Size(value["length"], where + ".length", 1);
    if (value.contains("side")) input.user = reader->Choice(value["side"], where + ".side", {"item", "user"}) == 1;
    if (value["table"].is_null() != (input.type == InputType::kFloat32)) {
      reader->Fail(where + ".table", "must be null for float32, and a table's name for ids (int64, string)");
    }
    if (!value["table"].is_null()) {
      const std::string table = reader->Text(value["table"], where + ".table");
      input.table = PlaceOf(spec->tables, table);
      if (input.table == spec->tables.size()) {
        reader->Fail(where + ".table", "is \"" + table + "\", which is not in tables");
      }
    }
    spec->inputs.push_back(std::move(input));
  });
  Distinct(spec->inputs, "inputs", reader);
}

void ReadWeights(const Json& model, ModelSpec* spec, Reader* reader) {
  reader->List(model, "weights", [&](const Json& value, const std::string& where) {
    if (!reader->Object(value, where + ".", {"name", "shape"})) return;
    WeightSpec weight;
    weight.name = reader->Text(value["name"], where + ".name");
    if (!value["shape"].is_array()) return reader->Fail(where + ".shape", "must be a list");
    for (const Json& size : value["shape"]) {
      weight.shape.push_back(reader->Size(size, where + ".shape", 0));
      if (__builtin_mul_overflow(weight.count, weight.shape.back(), &weight.count)) {
        reader->Fail(where + ".shape", "is of more floats than there can be");
      }
    }
    spec->weights.push_back(std::move(weight));
  });
  Distinct(spec->weights, "weights", reader);
}

void ReadOutputs(const Json& model, ModelSpec* spec, Reader* reader) {
  reader->List(model, "outputs", [&](const Json& value, const std::string& where) {
    if (!reader->Object(value, where + ".", {"name", "dtype", "task"})) return;
    reader->Choice(value["dtype"], where + ".dtype", {"float32"});
    spec->outputs.push_back(
        {reader->Text(value["name"], where + ".name"), reader->Text(value["task"], where + ".task")});
  });
  Distinct(spec->outputs, "outputs", reader);
}

// What dense says beside the features is for who runs the graph; here only its lengths must fit.
void ReadDense(const Json& model, ModelSpec* spec, Reader* reader) {
  const Json& dense = model["dense"];
  if (!reader->Object(dense, "dense.", {"graph", "features", "feature_inputs", "weight_inputs", "outputs"})) return;
  reader->Text(dense["graph"], "dense.graph");
  std::set<size_t> seen;
  reader->List(dense, "features", [&](const Json& value, const std::string& where) {
    spec->features.push_back(PlaceOf(spec->inputs, reader->Text(value, "dense." + where)));
    if (spec->features.back() == spec->inputs.size() || !seen.insert(spec->features.back()).second) {
      reader->Fail("dense." + where, "must be the name of an input, and each stands once");
    }
  });
  if (spec->features.size() != spec->inputs.size()) reader->Fail("dense.features", "must have every input");
  const std::pair<const char*, size_t> lengths[] = {{"feature_inputs", spec->features.size()},
                                                    {"weight_inputs", spec->weights.size()},
                                                    {"outputs", spec->outputs.size()}};
  for (const auto& [field, length] : lengths) {
    if (!dense[field].is_array() || dense[field].size() != length) {
      reader->Fail(std::string("dense.") + field, "must have " + std::to_string(length) + " entries");
    }
  }
}

}  // namespace

size_t ModelSpec::width(const InputSpec& input) const {
  if (input.table == kNoTable) return input.length;
  return tables[input.table].dim * (input.pooling == Pooling::kNone ? input.length : 1);
}

Status ParseModelSpec(const std::string& json, ModelSpec* spec) {
  *spec = ModelSpec();
  const Json model = Json::parse(json, nullptr, false);
  if (model.is_discarded()) return Status::Refused("is not JSON");
  Reader reader;
  if (!reader.Object(model, "", {"format", "name", "inputs", "tables", "weights", "dense", "outputs"})) {
    return reader.status();
  }
  reader.Choice(model["format"], "format", {kFormat});
  spec->name = reader.Text(model["name"], "name");
  ReadTables(model, spec, &reader);
  ReadInputs(model, spec, &reader);
  ReadWeights(model, spec, &reader);
  ReadOutputs(model, spec, &reader);
  if (reader.ok()) ReadDense(model, spec, &reader);
  return reader.status();
}

}  // namespace tandem::serving
