#include "control/commands.h"

#include <map>

namespace tandem::serving::control {
namespace {

using nlohmann::json;

constexpr int64_t kMostBase = 9'000'000'000;  // as a version's number, base * 10^9 + update, must fit into int64
constexpr int64_t kMostUpdate = 999'999'999;

json Refused(const char* kind, const std::string& why) { return {{"ok", false}, {"kind", kind}, {"why", why}}; }

// Takes fields out of a command; the first that is wrong is remembered.
class Fields {
 public:
  explicit Fields(const json& command) : command_(command) {}

  int64_t Integer(const char* name, int64_t most) {
    const json* value = Find(name);
    if (value != nullptr && value->is_number_integer() && *value >= 0 && *value <= most) return value->get<int64_t>();
    Wrong(name, "must be an integer from 0 to " + std::to_string(most));
    return 0;
  }

  std::string Text(const char* name) {
    const json* value = Find(name);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    Wrong(name, "must be a string");
    return {};
  }

  std::string TextOrNone(const char* name) {
    const json* value = Find(name);
    return value == nullptr || value->is_null() ? std::string() : Text(name);
  }

  bool Flag(const char* name) {
    const json* value = Find(name);
    if (value != nullptr && value->is_boolean()) return value->get<bool>();
    Wrong(name, "must be true or false");
    return false;
  }

  bool FlagOrFalse(const char* name) { return Find(name) != nullptr && Flag(name); }

  std::map<std::string, int64_t> Bases(const char* name) {
    std::map<std::string, int64_t> bases;
    const json* value = Find(name);
    constexpr const char* kMust = "must be an object from label to base";
    if (value == nullptr || !value->is_object()) {
      Wrong(name, kMust);
      return bases;
    }
    for (const auto& [label, base] : value->items()) {
      if (base.is_number_integer() && base >= 0 && base <= kMostBase) {
        bases[label] = base.get<int64_t>();
      } else {
        Wrong(name, kMust);
      }
    }
    return bases;
  }

  double Seconds(const char* name) {
    constexpr double kMost = 3600;
    const json* value = Find(name);
    if (value != nullptr && value->is_number() && *value >= 0.0 && *value <= kMost) return value->get<double>();
    Wrong(name, "must be a number of seconds from 0 to 3600");
    return 0;
  }

  std::optional<int64_t> BaseOrNone(const char* name) {
    const json* value = Find(name);
    if (value != nullptr && value->is_null()) return std::nullopt;
    return Integer(name, kMostBase);
  }

  const std::string& wrong() const { return wrong_; }

 private:
  const json* Find(const char* name) const {
    const auto found = command_.find(name);
    return found == command_.end() ? nullptr : &*found;
  }

  void Wrong(const char* name, const std::string& must) {
    if (wrong_.empty()) wrong_ = std::string("\"") + name + "\" " + must;
  }

  const json& command_;
  std::string wrong_;
};

json Told(const Outcome& outcome) {
  return outcome.ok() ? json{{"ok", true}} : Refused(NameOf(outcome.kind()), outcome.why());
}

json Load(Operations* operations, Fields* fields) {
  const BaseFolder folder{fields->Integer("base", kMostBase), fields->Text("folder"), fields->TextOrNone("watermark")};
  json report;
  if (!fields->wrong().empty()) return {};
  json answer = Told(operations->Load(folder, &report));
  if (answer["ok"] == true) answer["report"] = std::move(report);
  return answer;
}

json Apply(Operations* operations, Fields* fields) {
  const UpdateFile file{fields->Integer("base", kMostBase), fields->Integer("update", kMostUpdate),
                        fields->Flag("keyframe"), fields->Text("file"), fields->TextOrNone("watermark")};
  return fields->wrong().empty() ? Told(operations->Apply(file)) : json();
}

json Publish(Operations* operations, Fields* fields) {
  const VersionId version{fields->Integer("base", kMostBase), fields->Integer("update", kMostUpdate)};
  const bool beside = fields->FlagOrFalse("beside");
  return fields->wrong().empty() ? Told(operations->Publish(version, beside)) : json();
}

json Drop(Operations* operations, Fields* fields) {
  const int64_t base = fields->Integer("base", kMostBase);
  return fields->wrong().empty() ? Told(operations->Drop(base)) : json();
}

json SetReady(Operations* operations, Fields* fields) {
  const bool ready = fields->Flag("value");
  if (fields->wrong().empty()) operations->SetReady(ready);
  return {{"ok", true}};
}

json SetLoading(Operations* operations, Fields* fields) {
  const std::optional<int64_t> base = fields->BaseOrNone("base");
  if (fields->wrong().empty()) operations->SetLoading(base);
  return {{"ok", true}};
}

json SetLabels(Operations* operations, Fields* fields) {
  auto bases = fields->Bases("labels");
  if (fields->wrong().empty()) operations->SetLabels(std::move(bases));
  return {{"ok", true}};
}

json Drain(Operations* operations, Fields* fields) {
  const double grace = fields->Seconds("grace_seconds");
  if (fields->wrong().empty()) operations->Drain(grace);
  return {{"ok", true}};
}

json With(json answer) {
  answer["ok"] = true;
  return answer;
}

using Handler = json (*)(Operations*, Fields*);

const std::map<std::string, Handler>& Handlers() {
  static const std::map<std::string, Handler> handlers = {
      {"load", Load},
      {"apply", Apply},
      {"publish", Publish},
      {"drop", Drop},
      {"ready", SetReady},
      {"loading", SetLoading},
      {"labels", SetLabels},
      {"drain", Drain},
      {"ports", [](Operations* operations, Fields*) { return With(operations->Ports()); }},
      {"stats", [](Operations* operations, Fields*) { return With(operations->Stats()); }},
  };
  return handlers;
}

json AnswerTo(Operations* operations, const json& command) {
  constexpr const char* kBug = "Bug";
  if (!command.is_object()) return Refused(kBug, "the line is no JSON object");
  Fields fields(command);
  const std::string name = fields.Text("do");
  const auto handler = Handlers().find(name);
  if (!fields.wrong().empty()) return Refused(kBug, fields.wrong());
  if (handler == Handlers().end()) return Refused(kBug, "there is no command \"" + name + "\"");
  json answer = handler->second(operations, &fields);
  return fields.wrong().empty() ? answer : Refused(kBug, name + ": " + fields.wrong());
}

}  // namespace

std::string Answer(Operations* operations, std::string_view line) {
  const json command = json::parse(line, nullptr, /*allow_exceptions=*/false);
  return AnswerTo(operations, command).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tandem::serving::control
