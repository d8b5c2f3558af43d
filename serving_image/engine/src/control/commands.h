// The control protocol: one JSON object per line, one answer per line, in order (README.md, Control).
//
// Memory:  values.
// Threads: Answer from the thread of each control socket; Operations must bear that.
//
// The control plane is part of the same program, so a malformed command is a bug of it, and is called one.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "versions/line.h"
#include "versions/outcome.h"
#include "versions/version.h"

namespace tandem::serving::control {

// What the engine can be told.
class Operations {
 public:
  virtual ~Operations() = default;
  // `report`: what warming up said.
  virtual Outcome Load(const BaseFolder& folder, nlohmann::json* report) = 0;
  virtual Outcome Apply(const UpdateFile& file) = 0;
  // `beside`: it can be asked for, but is not answered from by itself.
  virtual Outcome Publish(VersionId version, bool beside) = 0;
  virtual Outcome Drop(int64_t base) = 0;
  virtual void SetReady(bool ready) = 0;
  virtual void SetLoading(std::optional<int64_t> base) = 0;
  // Which base goes by which label, all of them.
  virtual void SetLabels(std::map<std::string, int64_t> bases) = 0;
  virtual nlohmann::json Ports() = 0;
  virtual nlohmann::json Stats() = 0;
  // Takes no more requests and answers those that are inside; the program ends after this.
  virtual void Drain(double grace_seconds) = 0;
};

// The answer to one line, without its newline.
std::string Answer(Operations* operations, std::string_view line);

}  // namespace tandem::serving::control
