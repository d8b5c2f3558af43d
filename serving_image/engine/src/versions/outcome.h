// What became of a base or an update: good, or refused by what kind of cause.
//
// Memory:  a kind and a sentence; the sentence names the thing, the reason and, where there is one, the remedy.
// Threads: a value.
#pragma once

#include <string>
#include <utility>

namespace tandem::serving {

class [[nodiscard]] Outcome {
 public:
  // The names that the control plane knows.
  enum class Kind {
    kOk,
    kBadExport,  // a base is incomplete, foreign or does not run
    kBadUpdate,  // an update is not what the model and the line ask for
    kNoRoom,     // there is no memory, or no line, for it
    kRefused,    // what was asked for can't be done now
  };

  Outcome() = default;
  Outcome(Kind kind, std::string why) : kind_(kind), why_(std::move(why)) {}

  bool ok() const { return kind_ == Kind::kOk; }
  Kind kind() const { return kind_; }
  const std::string& why() const { return why_; }

 private:
  Kind kind_ = Kind::kOk;
  std::string why_;
};

// "BadExport" and so on, as the control protocol writes it; "" for kOk.
const char* NameOf(Outcome::Kind kind);

}  // namespace tandem::serving
