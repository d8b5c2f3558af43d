#include "kernels/description.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>
#include <variant>

namespace tandem {
namespace {

using Place = std::variant<int*, int64_t*, uint64_t*, float*, InitializerKind*, LimitPolicy*>;

struct Option {
  std::string_view name;
  Place (*place)(TableOptions&);
};

// All options of a table but those of its optimizer and of its admission rule, whose names the core knows.
constexpr Option kOptions[] = {
    {"dim", [](TableOptions& o) -> Place { return &o.dim; }},
    {"seed", [](TableOptions& o) -> Place { return &o.seed; }},
    {"initializer", [](TableOptions& o) -> Place { return &o.initializer.kind; }},
    {"initializer.scale", [](TableOptions& o) -> Place { return &o.initializer.scale; }},
    {"default_value", [](TableOptions& o) -> Place { return &o.default_value; }},
    {"max_bytes", [](TableOptions& o) -> Place { return &o.max_bytes; }},
    {"at_limit", [](TableOptions& o) -> Place { return &o.at_limit; }},
};

constexpr std::pair<std::string_view, InitializerKind> kInitializers[] = {
    {"zeros", InitializerKind::kZeros},
    {"uniform", InitializerKind::kUniform},
    {"truncated_normal", InitializerKind::kTruncatedNormal},
};

constexpr std::pair<std::string_view, LimitPolicy> kLimitPolicies[] = {
    {"refuse", LimitPolicy::kRefuse},
    {"evict", LimitPolicy::kEvict},
};

constexpr std::string_view kOptimizer = "optimizer", kOfOptimizer = "optimizer.";
constexpr std::string_view kAdmission = "admission", kOfAdmission = "admission.";
constexpr int kMaxDim = 65536;

template <typename Kind, size_t kCount>
bool ReadKind(std::string_view text, const std::pair<std::string_view, Kind> (&kinds)[kCount], Kind* kind) {
  for (const auto& [name, value] : kinds) {
    if (text == name) return *kind = value, true;
  }
  return false;
}

bool Read(std::string_view text, InitializerKind* kind) { return ReadKind(text, kInitializers, kind); }
bool Read(std::string_view text, LimitPolicy* policy) { return ReadKind(text, kLimitPolicies, policy); }

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
  if (name == kAdmission) return ReadAdmissionRule(std::string(value), &options->admission);
  const bool of_optimizer = name.substr(0, kOfOptimizer.size()) == kOfOptimizer;
  if (of_optimizer || name.substr(0, kOfAdmission.size()) == kOfAdmission) {
    double number;
    if (!Read(value, &number)) return NoSuchValue(name, value);
    const std::string own(name.substr((of_optimizer ? kOfOptimizer : kOfAdmission).size()));
    return of_optimizer ? SetOptimizerOption(own, number, &options->optimizer)
                        : SetAdmissionOption(own, number, &options->admission);
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
  if (options->max_bytes < 0) {
    return Status::Refused("max_bytes must not be negative: " + std::to_string(options->max_bytes));
  }
  options->admission.seed = options->seed;
  if (Status status = CheckAdmission(options->admission); !status.ok()) return status;
  return CheckOptimizer(options->optimizer);
}

}  // namespace tandem
