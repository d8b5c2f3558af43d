#include "door/heads.h"

#include "door/predict_response.h"
#include "door/text.h"

namespace tandem::serving::door {
namespace {

Refusal Unknown(const ModelSpec& spec, const ExampleTask& task) {
  std::string names;
  for (const std::string& output : spec.outputs) {
    names += (names.empty() ? "" : ", ") + Quoted(HeadSignature(output, task.regress));
  }
  return Refusal::BadRequest("signature_name " + Quoted(task.model.signature) + " is unknown to " +
                             (task.regress ? "Regress" : "Classify") + "; send one of " + names +
                             ", or leave it out to get the first");
}

}  // namespace

std::string HeadSignature(const std::string& output, bool regress) {
  return output + (regress ? "/regression" : "/classification");
}

Refusal ChooseHeads(const ModelSpec& spec, const std::vector<ExampleTask>& tasks, std::vector<size_t>* outputs) {
  outputs->clear();
  for (const ExampleTask& task : tasks) {
    const std::string_view signature = task.model.signature;
    size_t at = 0;
    if (!signature.empty() && signature != kSignature) {
      while (at < spec.outputs.size() && HeadSignature(spec.outputs[at], task.regress) != signature) ++at;
    }
    if (at >= spec.outputs.size()) return Unknown(spec, task);
    for (size_t other = 0; other < outputs->size(); ++other) {
      if ((*outputs)[other] != at || tasks[other].regress != task.regress) continue;
      return Refusal::BadRequest("tasks[" + std::to_string(outputs->size()) + "] asks for " +
                                 Quoted(HeadSignature(spec.outputs[at], task.regress)) + " again; ask for it once");
    }
    outputs->push_back(at);
  }
  return Refusal::None();
}

}  // namespace tandem::serving::door
