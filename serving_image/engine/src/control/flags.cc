#include "control/flags.h"

#include <charconv>
#include <cstdint>
#include <functional>
#include <map>

namespace tandem::serving::control {
namespace {

using Take = std::function<Status(const std::string& flag, const std::string& value)>;

Status Wrong(const std::string& flag, const std::string& value, const std::string& remedy) {
  return Status::Refused(flag + " \"" + value + "\": " + remedy);
}

Status Number(const std::string& flag, const std::string& value, size_t least, size_t most, size_t* number) {
  const char* end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, *number);
  if (error == std::errc() && at == end && *number >= least && *number <= most) return {};
  return Wrong(flag, value, "give a number from " + std::to_string(least) + " to " + std::to_string(most));
}

Take IntoNumber(size_t least, size_t most, size_t* number) {
  return [=](const std::string& flag, const std::string& value) { return Number(flag, value, least, most, number); };
}

Take IntoText(std::string* text) {
  return [text](const std::string& flag, const std::string& value) {
    *text = value;
    return value.empty() ? Wrong(flag, value, "give it a value") : Status();
  };
}

Status Sizes(const std::string& flag, const std::string& value, std::vector<size_t>* sizes) {
  constexpr size_t kMost = 8192;
  sizes->clear();
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = value.find(',', begin);
    size_t size = 0;
    if (!Number(flag, value.substr(begin, end - begin), 1, kMost, &size).ok() ||
        (!sizes->empty() && sizes->back() >= size)) {
      return Wrong(flag, value, "give ascending numbers from 1 to 8192 with commas between, such as 1,8,32,128");
    }
    sizes->push_back(size);
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return {};
}

std::map<std::string, Take> Known(Flags* flags) {
  constexpr size_t kMostBytes = size_t{1} << 40;
  return {
      {"--control-fd",
       [flags](const std::string& flag, const std::string& value) {
         size_t fd = 0;
         Status status = Number(flag, value, 3, 1 << 20, &fd);
         if (status.ok()) flags->control_fds.push_back(static_cast<int>(fd));
         return status;
       }},
      {"--model", IntoText(&flags->model)},
      {"--listen", [flags](const std::string& flag,
                           const std::string& value) { return IntoText(&flags->listen.emplace_back())(flag, value); }},
      {"--batch-sizes",
       [flags](const std::string& flag, const std::string& value) { return Sizes(flag, value, &flags->batch_sizes); }},
      {"--engine-threads", IntoNumber(0, 256, &flags->engine_threads)},
      {"--door-threads", IntoNumber(1, 256, &flags->door_threads)},
      {"--request-rows", IntoNumber(1, size_t{1} << 20, &flags->request_rows)},
      {"--message-bytes", IntoNumber(1024, size_t{1} << 30, &flags->message_bytes)},
      {"--in-flight", IntoNumber(1, size_t{1} << 20, &flags->in_flight)},
      {"--waiting-bytes", IntoNumber(1024, kMostBytes, &flags->waiting_bytes)},
      {"--door-bytes", IntoNumber(size_t{1} << 24, kMostBytes, &flags->door_bytes)},
      {"--tensorflow", IntoText(&flags->tensorflow)},
      {"--background",
       [flags](const std::string& flag, const std::string& value) {
         flags->yields = value == "idle";
         return flags->yields || value == "normal" ? Status() : Wrong(flag, value, "give idle or normal");
       }},
      {"--descriptors", IntoText(&flags->descriptors)},
      {"--graph",
       [flags](const std::string& flag, const std::string& value) {
         static const std::map<std::string, GraphDevice> kDevices = {
             {"off", GraphDevice::kNone}, {"gpu", GraphDevice::kGpu}, {"any", GraphDevice::kAny}};
         const auto found = kDevices.find(value);
         if (found == kDevices.end()) return Wrong(flag, value, "give off, gpu or any");
         flags->graph = found->second;
         return Status();
       }},
  };
}

Status CheckComplete(const Flags& flags) {
  if (flags.control_fds.empty()) {
    return Status::Refused("--control-fd is missing; give the descriptor of a socket to the control plane");
  }
  if (flags.model.empty()) return Status::Refused("--model is missing; give the name that clients call the model");
  if (flags.listen.empty()) return Status::Refused("--listen is missing; give an address such as [::]:8500");
  return {};
}

}  // namespace

const char* Usage() {
  return R"(tandem-engine answers TensorFlow Serving's gRPC from the versions that a control plane loads. It is started by
python -m tandem_serving, which passes it a socket.

  --control-fd N          descriptor of a stream socket, JSON lines (README.md, Control); may be repeated; the program
                          ends when one is closed
  --model NAME            what clients call the model
  --listen ADDRESS        [::]:8500 or unix:/path; port 0 takes a free one; may be repeated
  --batch-sizes A,B,…     batches that are warmed; the greatest is computed at once        1,8,32,128,512
  --engine-threads N      threads that compute; 0: those of the door do                    0
  --door-threads N        threads that read requests        one per core where they compute, else one
  --request-rows N        rows of one request                                              8192
  --message-bytes N       bytes of one message                                             16777216
  --in-flight N           predictions at once; more are refused                            1024
  --waiting-bytes N       bytes of the requests at once; more are refused                  268435456
  --door-bytes N          bytes of gRPC's buffers, all connections together                1073741824
  --tensorflow PATH       libtensorflow_cc.so.2, for graphs that are not plain layers
  --descriptors PATH      a FileDescriptorSet for gRPC's reflection
  --background WHEN       idle: bases and updates take only the time that all else leaves; normal: they take their
                          share, for machines that others keep busy                        idle
  --graph WHERE           gpu: what a base has captured is compiled by XLA and runs on the GPU; any: on the CPU too,
                          for tests                                                        off
  --bfloat16              compute in bfloat16 where the CPU has it; the model's export must have found that it may
)";
}

Status ParseFlags(const std::vector<std::string>& arguments, Flags* flags) {
  const std::map<std::string, Take> known = Known(flags);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t equals = arguments[i].find('=');
    const std::string flag = arguments[i].substr(0, equals);
    if (arguments[i] == "--help") {
      flags->help = true;
      return {};
    }
    if (arguments[i] == "--bfloat16") {
      flags->bfloat16 = true;
      continue;
    }
    const auto found = known.find(flag);
    if (found == known.end())
      return Status::Refused("there is no flag " + flag + "; --help lists those that there are");
    if (equals == std::string::npos && i + 1 == arguments.size()) {
      return Status::Refused(flag + " has no value; write " + flag + "=VALUE");
    }
    Status status = found->second(flag, equals == std::string::npos ? arguments[++i] : arguments[i].substr(equals + 1));
    if (!status.ok()) return status;
  }
  return CheckComplete(*flags);
}

}  // namespace tandem::serving::control
