#include "dense/chain_parser.h"

#include <map>
#include <set>
#include <utility>

#include "core/safetensors.h"  // Quoted

namespace tandem::serving {
namespace {

using nlohmann::json;

constexpr size_t kMaxSteps = 4096;

class Parser {
 public:
  Parser(JsonReader* reader, Program* program) : reader_(reader), program_(program) {
    for (size_t i = 0; i < program->features.size(); ++i) values_["f:" + program->features[i].name] = i;
  }

  void Parse(const json& step) {
    place_ = "chain[" + std::to_string(program_->chain.size()) + "]";
    const std::string op = reader_->Text(Field(step, "op"), place_ + ".op");
    if (!reader_->ok()) return;
    static const std::map<std::string, void (Parser::*)(const json&, Step*)> kOps = {
        {"concat", &Parser::Concat},
        {"dense", &Parser::Dense},
        {"add", &Parser::Pair<StepKind::kAdd>},
        {"mul", &Parser::Pair<StepKind::kMul>},
        {"relu", &Parser::Single<StepKind::kRelu>},
        {"sigmoid", &Parser::Single<StepKind::kSigmoid>},
        {"slice", &Parser::Slice},
        {"dot", &Parser::Dot},
        {"reshape", &Parser::Reshape}};
    const auto found = kOps.find(op);
    if (found == kOps.end()) {
      return reader_->Refuse(place_ + ".op", Quoted(op) + " is not known; this server may be older than the exporter");
    }
    place_ += " (" + op + ")";
    Step made;
    made.rows = 0;
    (this->*found->second)(step, &made);
    const std::string out = reader_->Text(Field(step, "out"), place_ + ".out");
    if (!reader_->ok()) return;
    if (out.rfind("v:", 0) != 0) return Refuse("out " + Quoted(out) + " must begin with v:");
    if (made.width == 0) return Refuse("makes rows of no floats");
    if (made.rows == 0) made.rows = Rows(made);
    if (!reader_->ok()) return;
    if (made.width > kMaxWidth / made.rows) {
      return Refuse("makes " + std::to_string(made.rows) + " rows of " + std::to_string(made.width) +
                    " floats for a sample; at most 2^20 floats");
    }
    if (!values_.emplace(out, program_->values()).second) return Refuse("makes " + Quoted(out) + " a second time");
    program_->chain.push_back(made);
  }

  void Output(const std::string& name) {
    const bool prefixed = name.rfind("v:", 0) == 0 || name.rfind("f:", 0) == 0;
    const auto found = values_.find(prefixed ? name : "v:" + name);
    place_ = "chain's output " + Quoted(name);
    if (found == values_.end()) return Refuse("no step makes it");
    if (program_->width(found->second) != 1 || program_->rows(found->second) != 1) {
      return Refuse("has " + std::to_string(program_->rows(found->second)) + " rows of " +
                    std::to_string(program_->width(found->second)) + " floats for a sample; it must be one of 1");
    }
    program_->chain_outputs.push_back(found->second);
  }

 private:
  const json& Field(const json& step, const char* name) const { return reader_->Field(step, name); }
  void Refuse(const std::string& why) { reader_->Refuse(place_, why); }
  size_t Width(size_t value) const { return program_->width(value); }

  // What all inputs of a step have.
  size_t Rows(const Step& step) {
    const size_t rows = program_->rows(step.in[0]);
    for (size_t value : step.in) {
      if (program_->rows(value) == rows) continue;
      Refuse("reads " + std::to_string(rows) + " and " + std::to_string(program_->rows(value)) + " rows for a sample");
    }
    return rows;
  }

  bool Fields(const json& step, std::set<std::string> fields) {
    fields.insert({"op", "out"});
    return reader_->Object(step, place_, fields);
  }

  size_t Value(const json& name) {
    const std::string text = reader_->Text(name, place_ + ".in");
    const auto found = values_.find(text);
    if (found != values_.end()) return found->second;
    Refuse("reads " + Quoted(text) + ", which is no feature (f:…) and no value (v:…) of an earlier step");
    return 0;
  }

  // The index of a slot from "s:3"; kNone: refused.
  size_t SlotOf(const json& name, const char* field) {
    const std::string text = reader_->Text(name, place_ + "." + field);
    size_t index = 0;
    bool number = text.size() > 2 && text.size() < 10 && text.rfind("s:", 0) == 0;
    for (size_t i = 2; number && i < text.size(); ++i) {
      number = text[i] >= '0' && text[i] <= '9';
      index = index * 10 + static_cast<size_t>(text[i] - '0');
    }
    if (number && index < program_->slots.size()) return index;
    Refuse(std::string(field) + " " + Quoted(text) + " is no slot (s:0 …) of the " +
           std::to_string(program_->slots.size()) + " in slots");
    return kNone;
  }

  // What is in "in", a list of so many.
  const json* Inputs(const json& step, size_t least, size_t most) {
    const json& in = reader_->List(Field(step, "in"), place_ + ".in", 65536);
    if (in.size() >= least && in.size() <= most) return &in;
    Refuse("\"in\" must have " + std::to_string(least) + (most > least ? " or more" : "") + " entries");
    return nullptr;
  }

  void Concat(const json& step, Step* made) {
    if (!Fields(step, {"in"})) return;
    const json* in = Inputs(step, 1, 65536);
    if (in == nullptr) return;
    made->kind = StepKind::kConcat;
    for (const json& name : *in) {
      made->in.push_back(Value(name));
      if (!reader_->ok()) return;
      made->width += Width(made->in.back());
    }
  }

  void Dense(const json& step, Step* made) {
    if (!Fields(step, {"in", "kernel", "bias", "activation"})) return;
    made->kind = StepKind::kDense;
    made->in = {Value(Field(step, "in"))};
    made->slot = SlotOf(Field(step, "kernel"), "kernel");
    if (!Field(step, "bias").is_null()) made->bias = SlotOf(Field(step, "bias"), "bias");
    if (!Field(step, "activation").is_null()) {
      const std::string name = reader_->Text(Field(step, "activation"), place_ + ".activation");
      static const std::map<std::string, Activation> kNames = {
          {"none", Activation::kNone}, {"relu", Activation::kRelu}, {"sigmoid", Activation::kSigmoid}};
      const auto found = kNames.find(name);
      if (found == kNames.end()) return Refuse("activation " + Quoted(name) + " is none of none, relu and sigmoid");
      made->activation = found->second;
    }
    if (!reader_->ok()) return;
    const Slot& kernel = program_->slots[made->slot];
    if (kernel.shape.size() != 2 || kernel.shape[0] != Width(made->in[0]) || kernel.shape[1] == 0) {
      return Refuse("kernel " + Shape(kernel) + " must be [" + std::to_string(Width(made->in[0])) +
                    ", n], as wide as what it reads");
    }
    made->width = kernel.shape[1];
    if (made->bias == kNone) return;
    const Slot& bias = program_->slots[made->bias];
    if (!IsRow(bias, made->width)) {
      Refuse("bias " + Shape(bias) + " must be [" + std::to_string(made->width) + "], as its kernel says");
    }
  }

  template <StepKind kKind>
  void Pair(const json& step, Step* made) {
    if (!Fields(step, {"in"})) return;
    const json* in = Inputs(step, 2, 2);
    if (in == nullptr) return;
    made->kind = kKind;
    // Both operations commute, so that a slot may stand first or second.
    const auto is_slot = [](const json& name) {
      return name.is_string() && name.get<std::string>().rfind("s:", 0) == 0;
    };
    const size_t slot_at = is_slot((*in)[0]) ? 0 : is_slot((*in)[1]) ? 1 : 2;
    if (slot_at < 2) {
      made->in = {Value((*in)[1 - slot_at])};
      made->slot = SlotOf((*in)[slot_at], "in");
      if (!reader_->ok()) return;
      const Slot& slot = program_->slots[made->slot];
      // The narrower of the two, one float wide, meets every column of the other.
      made->width = Width(made->in[0]) == 1 ? slot.floats() : Width(made->in[0]);
      if (slot.floats() != 1 && !IsRow(slot, made->width)) {
        Refuse("slot " + Shape(slot) + " must be [" + std::to_string(made->width) +
               "], as wide as what it meets, or [1]");
      }
      return;
    }
    made->in = {Value((*in)[0]), Value((*in)[1])};
    if (!reader_->ok()) return;
    // What is one float wide meets every column; it stands second.
    if (Width(made->in[0]) == 1) std::swap(made->in[0], made->in[1]);
    made->width = Width(made->in[0]);
    if (Width(made->in[1]) != made->width && Width(made->in[1]) != 1) {
      Refuse("rows of " + std::to_string(made->width) + " and " + std::to_string(Width(made->in[1])) +
             " floats do not go together");
    }
  }

  template <StepKind kKind>
  void Single(const json& step, Step* made) {
    if (!Fields(step, {"in"})) return;
    made->kind = kKind;
    made->in = {Value(Field(step, "in"))};
    if (reader_->ok()) made->width = Width(made->in[0]);
  }

  void Slice(const json& step, Step* made) {
    if (!Fields(step, {"in", "begin", "size"})) return;
    made->kind = StepKind::kSlice;
    made->in = {Value(Field(step, "in"))};
    made->begin = reader_->Count(Field(step, "begin"), place_ + ".begin", kMaxWidth);
    made->width = reader_->Count(Field(step, "size"), place_ + ".size", kMaxWidth);
    if (!reader_->ok()) return;
    if (made->width == 0 || made->begin + made->width > Width(made->in[0])) {
      Refuse("columns " + std::to_string(made->begin) + " to " + std::to_string(made->begin + made->width) +
             " do not lie in rows of " + std::to_string(Width(made->in[0])) + " floats");
    }
  }

  void Dot(const json& step, Step* made) {
    if (!Fields(step, {"in"})) return;
    const json* in = Inputs(step, 2, 2);
    if (in == nullptr) return;
    made->kind = StepKind::kDot;
    made->in = {Value((*in)[0]), Value((*in)[1])};
    made->width = 1;
    if (reader_->ok() && Width(made->in[0]) != Width(made->in[1])) {
      Refuse("rows of " + std::to_string(Width(made->in[0])) + " and " + std::to_string(Width(made->in[1])) +
             " floats do not go together");
    }
  }

  void Reshape(const json& step, Step* made) {
    if (!Fields(step, {"in", "width"})) return;
    made->kind = StepKind::kReshape;
    made->in = {Value(Field(step, "in"))};
    made->width = reader_->Count(Field(step, "width"), place_ + ".width", kMaxWidth);
    if (!reader_->ok()) return;
    const size_t floats = Width(made->in[0]) * program_->rows(made->in[0]);
    if (made->width == 0 || floats % made->width != 0) {
      return Refuse(std::to_string(floats) + " floats for a sample do not make rows of " + std::to_string(made->width));
    }
    made->rows = floats / made->width;
  }

  // [width], or the same with ones before it.
  static bool IsRow(const Slot& slot, size_t width) {
    return !slot.shape.empty() && slot.shape.back() == width && slot.floats() == width;
  }

  static std::string Shape(const Slot& slot) {
    std::string text = Quoted(slot.name) + " [";
    for (size_t i = 0; i < slot.shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(slot.shape[i]);
    return text + "]";
  }

  JsonReader* reader_;
  Program* program_;
  std::map<std::string, size_t> values_;
  std::string place_;
};

}  // namespace

void ParseChain(JsonReader* reader, const json& chain, const json& outputs, Program* program) {
  Parser parser(reader, program);
  for (const json& step : reader->List(chain, "chain", kMaxSteps)) {
    if (!reader->ok()) return;
    parser.Parse(step);
  }
  if (reader->ok() && program->chain.empty()) {
    return reader->Refuse("chain", "has no steps; where there is none it is null, with no_chain_because");
  }
  const std::vector<std::string> names =
      outputs.is_null() ? program->outputs : reader->Texts(outputs, "chain_outputs", program->outputs.size());
  if (reader->ok() && names.size() != program->outputs.size()) {
    reader->Refuse("chain_outputs", "must have one entry for each of outputs");
  }
  for (const std::string& name : names) {
    if (!reader->ok()) return;
    parser.Output(name);
  }
}

}  // namespace tandem::serving
