// The command line of tandem-engine.
//
// Memory:  values.
// Threads: parsing is pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/status.h"
#include "dense/graph_dense.h"  // GraphDevice

namespace tandem::serving::control {

struct Flags {
  bool help = false;
  std::vector<int> control_fds;
  std::string model;
  std::vector<std::string> listen;
  std::vector<size_t> batch_sizes = {1, 8, 32, 128, 512};
  size_t engine_threads = 0;  // 0: the door's threads compute
  size_t door_threads = 0;    // 0: one per core where they compute, else one
  size_t request_rows = 8192;
  size_t message_bytes = size_t{16} << 20;
  size_t in_flight = 1024;
  size_t waiting_bytes = size_t{256} << 20;
  size_t door_bytes = size_t{1} << 30;
  std::string tensorflow;
  std::string descriptors;
  bool bfloat16 = false;
  GraphDevice graph = GraphDevice::kNone;
  bool yields = true;  // loading and updates take only the time that requests leave
};

// What --help prints.
const char* Usage();

// `arguments` without the program's name. Refused with the flag, the reason and the remedy.
Status ParseFlags(const std::vector<std::string>& arguments, Flags* flags);

}  // namespace tandem::serving::control
