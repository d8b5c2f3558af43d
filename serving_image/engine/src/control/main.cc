// tandem-engine: the data plane of one serving pod. README: serving_image/engine/README.md.
//
// Exit codes: 0 drained, 1 the world's errors (a port is taken, the control plane is gone), 2 wrong use.
#include <absl/synchronization/mutex.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/commands.h"
#include "control/engine.h"
#include "control/flags.h"
#include "control/line_socket.h"
#include "control/log.h"
#include "dense/open.h"
#include "dense/tensorflow_api.h"

namespace tandem::serving::control {
namespace {

// One control socket: answers lines until it is closed, or until a drain was answered.
void Serve(int fd, Operations* operations, std::promise<int>* ended) {
  LineSocket socket(fd);
  std::string line;
  int code = 1;
  while (code == 1 && socket.Read(&line)) {
    const std::string answer = Answer(operations, line);
    const nlohmann::json command = nlohmann::json::parse(line, nullptr, false);
    const bool drained = command.is_object() && command.value("do", "") == "drain" && answer == R"({"ok":true})";
    if (!socket.Write(answer)) break;
    if (drained) code = 0;
  }
  try {
    ended->set_value(code);
  } catch (const std::future_error&) {  // another socket ended first
  }
}

// Every connection is a descriptor, and the usual soft limit is 1024.
void AllowManyConnections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Run(const Flags& flags) {
  std::unique_ptr<const TensorFlow> tensorflow;
  if (!flags.tensorflow.empty()) {
    const Status status = LoadTensorFlow(flags.tensorflow, &tensorflow);
    if (!status.ok()) {
      LogError("ended", {{"reason", "NoTensorFlow"}, {"message", status.why()}});
      return 1;
    }
  }
  DenseOptions dense;
  dense.tensorflow = tensorflow.get();
  dense.sizes = flags.batch_sizes;
  dense.bfloat16 = flags.bfloat16;
  GraphState graph;
  dense.graph = {flags.graph, &graph};
  Engine engine(flags, &graph,
                [&dense](const std::string& folder, const std::vector<size_t>& counts, std::unique_ptr<Dense>* made) {
                  return OpenDense(dense, folder, counts, made);
                });
  const Status status = engine.Start();
  if (!status.ok()) {
    LogError("ended", {{"reason", "CannotStart"}, {"message", status.why()}});
    return 1;
  }
  LogInfo("the engine listens", engine.Ports());
  std::promise<int> ended;
  for (int fd : flags.control_fds) {
    std::thread([fd, &engine, &ended] { Serve(fd, &engine, &ended); }).detach();
  }
  const int code = ended.get_future().get();
  LogInfo(code == 0 ? "the engine ended" : "the control plane is gone; the engine ends");
  std::fflush(nullptr);
  // Threads that still load, or wait on other sockets, are not waited for.
  std::_Exit(code);
}

}  // namespace
}  // namespace tandem::serving::control

int main(int argc, char** argv) {
  using namespace tandem::serving::control;
  // Debian's library looks for deadlocks at every lock that gRPC takes, all threads under one lock of its own.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Flags flags;
  const tandem::Status status = ParseFlags(std::vector<std::string>(argv + 1, argv + argc), &flags);
  if (!status.ok()) {
    std::fprintf(stderr, "tandem-engine: %s\n", status.why().c_str());
    return 2;
  }
  if (flags.help) {
    std::fputs(Usage(), stdout);
    return 0;
  }
  // The control plane is told to end and drains this process; a signal for the whole group must not overtake it.
  for (int number : {SIGTERM, SIGINT, SIGPIPE}) std::signal(number, SIG_IGN);
  AllowManyConnections();
  return Run(flags);
}
