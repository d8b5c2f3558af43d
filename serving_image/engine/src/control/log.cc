#include "control/log.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>

namespace tandem::serving::control {
namespace {

std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[48];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + size, sizeof text - size, ".%06dZ", static_cast<int>(micros));
  return text;
}

void Write(const char* level, const std::string& event, nlohmann::json fields) {
  fields["event"] = event;
  fields["level"] = level;
  fields["timestamp"] = Now();
  // Whatever bytes a message has, the line is UTF-8.
  const std::string line = fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  for (size_t at = 0; at < line.size();) {
    const ssize_t written = ::write(STDOUT_FILENO, line.data() + at, line.size() - at);
    if (written <= 0) return;  // nobody reads it
    at += static_cast<size_t>(written);
  }
}

}  // namespace

void LogInfo(const std::string& event, nlohmann::json fields) { Write("info", event, std::move(fields)); }
void LogError(const std::string& event, nlohmann::json fields) { Write("error", event, std::move(fields)); }

}  // namespace tandem::serving::control
