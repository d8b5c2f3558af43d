#include "versions/outcome.h"

namespace tandem::serving {

const char* NameOf(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kBadExport:
      return "BadExport";
    case Outcome::Kind::kBadUpdate:
      return "BadUpdate";
    case Outcome::Kind::kNoRoom:
      return "NoRoom";
    case Outcome::Kind::kRefused:
      return "Refused";
    case Outcome::Kind::kOk:
      break;
  }
  return "";
}

}  // namespace tandem::serving
