#include "dense/graph_plan.h"

#include "dense/json_reader.h"

namespace tandem::serving {
namespace {

using nlohmann::json;

constexpr size_t kManySlots = 65536;

std::string TextOf(JsonReader* reader, const json& value, const char* name, const std::string& place) {
  return reader->Text(reader->Field(value, name), place);
}

void ReadSlots(JsonReader* reader, const json& value, size_t wanted, GraphPlan* plan) {
  for (const json& slot : reader->List(value, "slots", kManySlots)) {
    const std::string place = "slots[" + std::to_string(plan->slots.size()) + "]";
    if (!reader->Object(slot, place, {"value", "keep", "held"})) return;
    plan->slots.push_back({TextOf(reader, slot, "value", place + ".value"),
                           TextOf(reader, slot, "keep", place + ".keep"),
                           TextOf(reader, slot, "held", place + ".held")});
  }
  if (reader->ok() && plan->slots.size() != wanted) {
    reader->Refuse(
        "slots", "has " + std::to_string(plan->slots.size()) + " entries; program.json has " + std::to_string(wanted));
  }
}

}  // namespace

Status ParseGraphPlan(const std::string& text, const Program& program, GraphPlan* plan) {
  *plan = {};
  JsonReader reader("graph.json");
  const json document = text.size() > kMaxProgram ? json(json::value_t::discarded) : json::parse(text, nullptr, false);
  if (document.is_discarded()) {
    reader.Refuse("", "is no JSON of at most 4 MiB; load the base again");
    return reader.status();
  }
  if (!reader.Object(document, "", {"format", "graph", "features", "slots", "forget", "answers"})) {
    return reader.status();
  }
  if (TextOf(&reader, document, "format", "format") != "tandem.graph/1") {
    reader.Refuse("format", "must be tandem.graph/1, which this server reads");
  }
  plan->graph = TextOf(&reader, document, "graph", "graph");
  if (plan->graph.find('/') != std::string::npos || plan->graph == "." || plan->graph == "..") {
    reader.Refuse("graph", "must be the name of a file beside graph.json");
  }
  plan->features = TextOf(&reader, document, "features", "features");
  plan->answers = TextOf(&reader, document, "answers", "answers");
  ReadSlots(&reader, reader.Field(document, "slots"), program.slots.size(), plan);
  const json& forget = reader.Field(document, "forget");
  if (reader.ok() && reader.Object(forget, "forget", {"held", "operation"})) {
    plan->forget_held = TextOf(&reader, forget, "held", "forget.held");
    plan->forget_operation = TextOf(&reader, forget, "operation", "forget.operation");
  }
  return reader.status();
}

}  // namespace tandem::serving
