#include "kernels/description.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>
#include <variant>

namespace tandem {
namespace {

using Place = std::variant<int*, uint64_t*, float*, InitializerKind*>;

struct Option {
  std::string_view name;
  Place (*place)(TableOptions&);
};

// All options of a table but those of its optimizer, whose names the core knows.
constexpr Option kOptions[] = {
    {"dim", [](TableOptions& o) -> Place { return &o.dim; }},
    {"seed", [](TableOptions& o) -> Place { return &o.seed; }},
    {"initializer", [](TableOptions& o) -> Place { return &o.initializer.kind; }},
    {"initializer.scale", [](TableOptions& o) -> Place { return &o.initializer.scale; }},
};

constexpr std::pair<std::string_view, InitializerKind> kInitializers[] = {
    {"zeros", InitializerKind::kZeros},
    {"uniform", InitializerKind::kUniform},
    {"truncated_normal", InitializerKind::kTruncatedNormal},
};

constexpr std::string_view kOptimizer = "optimizer", kOfOptimizer = "optimizer.";
constexpr int kMaxDim = 65536;

bool Read(std::string_view text, InitializerKind* kind) {
  for (const auto& [name, value] : kInitializers) {
    if (text == name) return *kind = value, true;
  }
  return false;
}

template <typename Number>
bool Read(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(static_cast<double>(*number));
}

Status NoSuchValue(std::string_view name, std::string_view value) {
  return Status::Refused(std::string(name) + " cannot be \"" + std::string(value) + "\"");
}

Status ReadOption(std::string_view name, std::string_view value, TableOptions* options) {
  if (name == kOptimizer) return ReadOptimizerKind(std::string(value), &options->optimizer);
  if (name.substr(0, kOfOptimizer.size()) == kOfOptimizer) {
    double number;
    if (!Read(value, &number)) return NoSuchValue(name, value);
    return SetOptimizerOption(std::string(name.substr(kOfOptimizer.size())), number, &options->optimizer);
  }
  for (const Option& option : kOptions) {
    if (option.name != name) continue;
    return std::visit([value](auto* at) { return Read(value, at); }, option.place(*options)) ? Status()
                                                                                             : NoSuchValue(name, value);
  }
  return Status::Refused("these kernels know no option \"" + std::string(name) +
                         "\"; the table was described by another version of tandem_ops");
}

}  // namespace

Status ReadDescription(const std::string& text, TableOptions* options) {
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const size_t equals = std::min(line.find('='), line.size());
    const std::string_view value = line.substr(std::min(equals + 1, line.size()));
    if (Status status = ReadOption(line.substr(0, equals), value, options); !status.ok()) return status;
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  if (options->dim < 1 || options->dim > kMaxDim) {
    return Status::Refused("dim must be in 1 … " + std::to_string(kMaxDim) + ", not " + std::to_string(options->dim));
  }
  return CheckOptimizer(options->optimizer);
}

}  // namespace tandem
