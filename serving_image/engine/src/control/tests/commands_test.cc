#include "control/commands.h"

#include "core/tests/check.h"

namespace tandem::serving::control {
namespace {

using nlohmann::json;

// Notes what it is told, as one line.
class Noted final : public Operations {
 public:
  Outcome Load(const BaseFolder& folder, json* report) override {
    told = "load " + std::to_string(folder.base) + " " + folder.path + " " + folder.watermark;
    *report = {{"sizes", 3}};
    return next;
  }
  Outcome Apply(const UpdateFile& file) override {
    told = "apply " + std::to_string(file.base) + "." + std::to_string(file.update) + " " +
           (file.keyframe ? "keyframe " : "delta ") + file.path + " " + file.watermark;
    return next;
  }
  Outcome Publish(VersionId version, bool beside) override {
    told = "publish " + version.text() + (beside ? " beside" : "");
    return next;
  }
  Outcome Drop(int64_t base) override {
    told = "drop " + std::to_string(base);
    return next;
  }
  void SetReady(bool ready) override { told = ready ? "ready" : "not ready"; }
  void SetLoading(std::optional<int64_t> base) override {
    told = "loading " + (base ? std::to_string(*base) : std::string("none"));
  }
  void SetLabels(std::map<std::string, int64_t> bases) override {
    told = "labels";
    for (const auto& [label, base] : bases) told += " " + label + "=" + std::to_string(base);
  }
  json Ports() override { return {{"ports", {{"[::]:0", 12345}}}}; }
  json Stats() override { return {{"answers", 7}}; }
  void Drain(double grace_seconds) override { told = "drain " + std::to_string(grace_seconds); }

  std::string told;
  Outcome next;
};

TEST(CommandsAreCarriedOut) {
  const struct {
    const char* line;
    const char* told;
    const char* answer;
  } table[] = {
      {R"({"do":"load","base":17,"folder":"/cache/17","watermark":"2026-11-10T12:00:00Z"})",
       "load 17 /cache/17 2026-11-10T12:00:00Z", R"({"ok":true,"report":{"sizes":3}})"},
      {R"({"do":"load","base":17,"folder":"/c","watermark":null})", "load 17 /c ",
       R"({"ok":true,"report":{"sizes":3}})"},
      {R"({"do":"apply","base":17,"update":204,"keyframe":false,"file":"/u","watermark":"w"})",
       "apply 17.204 delta /u w", R"({"ok":true})"},
      {R"({"do":"apply","base":17,"update":204,"keyframe":true,"file":"/u"})", "apply 17.204 keyframe /u ",
       R"({"ok":true})"},
      {R"({"do":"publish","base":17,"update":204})", "publish 17.204", R"({"ok":true})"},
      {R"({"do":"publish","base":17,"update":204,"beside":true})", "publish 17.204 beside", R"({"ok":true})"},
      {R"({"do":"labels","labels":{"stable":17,"candidate":18}})", "labels candidate=18 stable=17", R"({"ok":true})"},
      {R"({"do":"labels","labels":{}})", "labels", R"({"ok":true})"},
      {R"({"do":"drop","base":16})", "drop 16", R"({"ok":true})"},
      {R"({"do":"ready","value":true})", "ready", R"({"ok":true})"},
      {R"({"do":"loading","base":18})", "loading 18", R"({"ok":true})"},
      {R"({"do":"loading","base":null})", "loading none", R"({"ok":true})"},
      {R"({"do":"drain","grace_seconds":2.5})", "drain 2.500000", R"({"ok":true})"},
      {R"({"do":"ports"})", "", R"({"ok":true,"ports":{"[::]:0":12345}})"},
      {R"({"do":"stats","more":1})", "", R"({"answers":7,"ok":true})"},
  };
  for (const auto& row : table) {
    Noted noted;
    CHECK(Answer(&noted, row.line) == row.answer);
    CHECK(noted.told == row.told);
  }
}

TEST(WhatIsRefusedSaysItsKind) {
  Noted noted;
  noted.next = {Outcome::Kind::kBadUpdate, "not for this base"};
  const json answer = json::parse(Answer(&noted, R"({"do":"apply","base":1,"update":2,"keyframe":false,"file":"u"})"));
  CHECK((answer == json{{"ok", false}, {"kind", "BadUpdate"}, {"why", "not for this base"}}));
  noted.next = {Outcome::Kind::kBadExport, "\xff"};  // bytes that are no UTF-8 make no line that can't be read
  CHECK(json::parse(Answer(&noted, R"({"do":"load","base":1,"folder":"f"})"))["kind"] == "BadExport");
}

TEST(AMalformedCommandIsABugAndDoesNothing) {
  const struct {
    const char* line;
    const char* why;
  } table[] = {
      {"", "the line is no JSON object"},
      {"[]", "the line is no JSON object"},
      {"{\"do\":", "the line is no JSON object"},
      {"{}", "\"do\" must be a string"},
      {R"({"do":"dance"})", "there is no command \"dance\""},
      {R"({"do":"load","folder":"f"})", "load: \"base\" must be an integer from 0 to 9000000000"},
      {R"({"do":"load","base":-1,"folder":"f"})", "load: \"base\" must be an integer from 0 to 9000000000"},
      {R"({"do":"load","base":1.5,"folder":"f"})", "load: \"base\" must be an integer from 0 to 9000000000"},
      {R"({"do":"load","base":18446744073709551615,"folder":"f"})",
       "load: \"base\" must be an integer from 0 to 9000000000"},
      {R"({"do":"load","base":1})", "load: \"folder\" must be a string"},
      {R"({"do":"load","base":1,"folder":"f","watermark":3})", "load: \"watermark\" must be a string"},
      {R"({"do":"apply","base":1,"update":1000000000,"keyframe":true,"file":"f"})",
       "apply: \"update\" must be an integer from 0 to 999999999"},
      {R"({"do":"apply","base":1,"update":1,"file":"f"})", "apply: \"keyframe\" must be true or false"},
      {R"({"do":"publish","base":1})", "publish: \"update\" must be an integer from 0 to 999999999"},
      {R"({"do":"publish","base":1,"update":1,"beside":1})", "publish: \"beside\" must be true or false"},
      {R"({"do":"labels","labels":[]})", "labels: \"labels\" must be an object from label to base"},
      {R"({"do":"labels","labels":{"stable":"3"}})", "labels: \"labels\" must be an object from label to base"},
      {R"({"do":"drop"})", "drop: \"base\" must be an integer from 0 to 9000000000"},
      {R"({"do":"ready","value":1})", "ready: \"value\" must be true or false"},
      {R"({"do":"loading"})", "loading: \"base\" must be an integer from 0 to 9000000000"},
      {R"({"do":"drain","grace_seconds":-1})", "drain: \"grace_seconds\" must be a number of seconds from 0 to 3600"},
      {R"({"do":"drain"})", "drain: \"grace_seconds\" must be a number of seconds from 0 to 3600"},
  };
  for (const auto& row : table) {
    Noted noted;
    const json answer = json::parse(Answer(&noted, row.line));
    CHECK((answer == json{{"ok", false}, {"kind", "Bug"}, {"why", row.why}}));
    CHECK(noted.told.empty());
  }
}

}  // namespace
}  // namespace tandem::serving::control
