#include "dense/program.h"

#include <set>

#include "core/safetensors.h"  // Quoted
#include "dense/chain_parser.h"
#include "dense/json_reader.h"

namespace tandem::serving {
namespace {

using nlohmann::json;

constexpr size_t kMany = 65536;  // entries of any list
constexpr size_t kMostCalls = 1'000'000'000;
constexpr double kMostSeconds = 1e9;

std::string At(const std::string& list, size_t i) { return list + "[" + std::to_string(i) + "]"; }

// A file of the base's own folder, never a path out of it.
std::string File(JsonReader* reader, const json& value, const std::string& place) {
  const std::string file = reader->Text(value, place);
  if (file.find('/') != std::string::npos || file == "." || file == "..") {
    reader->Refuse(place, Quoted(file) + " must be the name of a file beside program.json");
  }
  return file;
}

void ReadIntervals(JsonReader* reader, const json& value, Fold* fold) {
  if (value.is_null() || !reader->Object(value, "fold.intervals", {"count_interval", "time_interval"})) return;
  Intervals intervals;
  intervals.calls = reader->Count(reader->Field(value, "count_interval"), "fold.intervals.count_interval", kMostCalls);
  const json& seconds = reader->Field(value, "time_interval");
  intervals.seconds = seconds.is_number() ? seconds.get<double>() : -1;
  if (!(intervals.seconds >= 0 && intervals.seconds <= kMostSeconds)) {
    reader->Refuse("fold.intervals.time_interval", "must be seconds from 0 to 10^9");
  }
  fold->intervals = intervals;
}

void ReadFold(JsonReader* reader, const json& value, size_t weights, Fold* fold) {
  if (value.is_null() || !reader->Object(value, "fold", {"graph", "inputs", "outputs", "intervals"})) return;
  fold->graph = File(reader, reader->Field(value, "graph"), "fold.graph");
  fold->outputs = reader->Texts(reader->Field(value, "outputs"), "fold.outputs", kMany);
  const json& inputs = reader->List(reader->Field(value, "inputs"), "fold.inputs", kMany);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string place = At("fold.inputs", i);
    FoldInput input;
    if (inputs[i].is_object()) {
      if (!reader->Object(inputs[i], place, {"tensor", "weight"})) return;
      input.tensor = reader->Text(reader->Field(inputs[i], "tensor"), place + ".tensor");
      input.weight = reader->Count(reader->Field(inputs[i], "weight"), place + ".weight", kMany);
    } else {
      input = {reader->Text(inputs[i], place), i};
    }
    if (input.weight >= weights) {
      reader->Refuse(
          place, "weight " + std::to_string(input.weight) + " is not there; model.json has " + std::to_string(weights));
    }
    fold->inputs.push_back(input);
  }
  ReadIntervals(reader, reader->Field(value, "intervals"), fold);
}

void ReadSlot(JsonReader* reader, const json& value, const std::string& place, const std::vector<size_t>& weights,
              const Program& program, Slot* slot) {
  if (!reader->Object(value, place, {"name", "shape", "weight", "fold"})) return;
  slot->name = reader->Text(reader->Field(value, "name"), place + ".name");
  size_t floats = 1;
  for (const json& size : reader->List(reader->Field(value, "shape"), place + ".shape", 8)) {
    slot->shape.push_back(reader->Count(size, place + ".shape", kMaxSlot));
    floats =
        slot->shape.back() == 0 || floats <= kMaxSlot / slot->shape.back() ? floats * slot->shape.back() : kMaxSlot + 1;
    if (floats > kMaxSlot) return reader->Refuse(place + ".shape", "is larger than 2^28 floats");
  }
  const json& weight = reader->Field(value, "weight");
  const json& fold = reader->Field(value, "fold");
  if (weight.is_null() == fold.is_null()) {
    return reader->Refuse(place, "must have one of \"weight\" and \"fold\"");
  }
  if (!weight.is_null()) {
    slot->weight = reader->Count(weight, place + ".weight", kMany);
    if (!reader->ok()) return;
    if (slot->weight >= weights.size()) {
      return reader->Refuse(place, "weight " + std::to_string(slot->weight) + " is not there; model.json has " +
                                       std::to_string(weights.size()));
    }
    if (weights[slot->weight] != floats) {
      reader->Refuse(place, "shape has " + std::to_string(floats) + " floats, weight " + std::to_string(slot->weight) +
                                " of model.json has " + std::to_string(weights[slot->weight]));
    }
    return;
  }
  slot->fold = reader->Count(fold, place + ".fold", kMany);
  if (reader->ok() && slot->fold >= program.fold.outputs.size()) {
    reader->Refuse(place, "fold output " + std::to_string(slot->fold) + " is not there; fold.outputs has " +
                              std::to_string(program.fold.outputs.size()));
  }
}

void ReadFeatures(JsonReader* reader, const json& value, Program* program) {
  std::set<std::string> names;
  const json& features = reader->List(value, "features", kMany);
  for (size_t i = 0; i < features.size(); ++i) {
    const std::string place = At("features", i);
    if (!reader->Object(features[i], place, {"name", "width"})) return;
    Feature feature{reader->Text(reader->Field(features[i], "name"), place + ".name"),
                    reader->Count(reader->Field(features[i], "width"), place + ".width", kMaxWidth)};
    if (reader->ok() && feature.width == 0) reader->Refuse(place + ".width", "must be at least 1");
    if (!names.insert(feature.name).second) reader->Refuse(place, "name " + Quoted(feature.name) + " stands twice");
    program->features.push_back(feature);
  }
  if (program->features.empty()) reader->Refuse("features", "must have at least one");
}

void ReadRest(JsonReader* reader, const json& value, const Program& program, Rest* rest) {
  if (!reader->Object(value, "rest", {"graph", "features", "slots", "outputs"})) return;
  rest->graph = File(reader, reader->Field(value, "graph"), "rest.graph");
  rest->features = reader->Texts(reader->Field(value, "features"), "rest.features", kMany);
  rest->outputs = reader->Texts(reader->Field(value, "outputs"), "rest.outputs", kMany);
  for (const json& slot : reader->List(reader->Field(value, "slots"), "rest.slots", kMany)) {
    const std::string place = At("rest.slots", rest->slots.size());
    rest->slots.push_back(slot.is_null() ? "" : reader->Text(slot, place));
  }
  const auto match = [&](const char* name, size_t has, size_t wants) {
    if (has == wants) return;
    reader->Refuse(std::string("rest.") + name, "has " + std::to_string(has) +
                                                    " entries; there must be one for each of " + name + ", that is " +
                                                    std::to_string(wants));
  };
  match("features", rest->features.size(), program.features.size());
  match("slots", rest->slots.size(), program.slots.size());
  match("outputs", rest->outputs.size(), program.outputs.size());
}

}  // namespace

size_t Slot::floats() const {
  size_t product = 1;
  for (size_t size : shape) product *= size;
  return product;
}

Status ParseProgram(const std::string& text, const std::vector<size_t>& weights, Program* program) {
  *program = {};
  JsonReader reader("program.json");
  if (text.size() > kMaxProgram) {
    reader.Refuse("", "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(kMaxProgram));
    return reader.status();
  }
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) {
    reader.Refuse("", "is no JSON; export the base again");
    return reader.status();
  }
  // "report" is for people: what folding found.
  if (!reader.Object(document, "",
                     {"format", "fold", "slots", "rest", "features", "outputs", "chain", "chain_outputs",
                      "no_chain_because", "report"})) {
    return reader.status();
  }
  const std::string format = reader.Text(reader.Field(document, "format"), "format");
  if (reader.ok() && format != "tandem.program/1") {
    reader.Refuse("format", Quoted(format) + " is not tandem.program/1, which this server reads");
  }
  ReadFold(&reader, reader.Field(document, "fold"), weights.size(), &program->fold);
  const json& slots = reader.List(reader.Field(document, "slots"), "slots", kMany);
  for (size_t i = 0; i < slots.size() && reader.ok(); ++i) {
    program->slots.emplace_back();
    ReadSlot(&reader, slots[i], At("slots", i), weights, *program, &program->slots.back());
  }
  ReadFeatures(&reader, reader.Field(document, "features"), program);
  program->outputs = reader.Texts(reader.Field(document, "outputs"), "outputs", kMany);
  if (program->outputs.empty()) reader.Refuse("outputs", "must have at least one");
  ReadRest(&reader, reader.Field(document, "rest"), *program, &program->rest);
  const json& chain = reader.Field(document, "chain");
  if (!reader.ok()) return reader.status();
  if (program->fold.intervals && !chain.is_null()) {
    reader.Refuse("chain", "must be null where fold has intervals, which only the graph knows of");
    return reader.status();
  }
  if (chain.is_null()) {
    program->no_chain_because = reader.Text(reader.Field(document, "no_chain_because"), "no_chain_because");
  } else {
    ParseChain(&reader, chain, reader.Field(document, "chain_outputs"), program);
  }
  return reader.status();
}

}  // namespace tandem::serving
