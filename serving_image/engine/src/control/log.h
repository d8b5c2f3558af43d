// The log: one JSON object per line on standard output, as the control plane writes its own.
//
// Memory:  a line at a time.
// Threads: any; a line is one write, so lines do not mix.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tandem::serving::control {

// `fields` is an object; event, level and timestamp are added.
void LogInfo(const std::string& event, nlohmann::json fields = nlohmann::json::object());
void LogError(const std::string& event, nlohmann::json fields = nlohmann::json::object());

}  // namespace tandem::serving::control
