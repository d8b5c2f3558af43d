// The whole engine behind the control protocol: bases, updates, versions and the door, joined.
//
// Memory:  tables, versions and lines; see versions/ and rows/.
// Threads: Operations from the threads of the control sockets. Loading and applying run on threads of their own at
//          SCHED_IDLE, so that they take only the time that requests leave (--background); different bases side by
//          side. One more thread, of that priority too, takes back what no version sees any more.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/commands.h"
#include "control/flags.h"
#include "control/served_model.h"
#include "dense/graph_state.h"
#include "door/grpc_server.h"
#include "door/metrics.h"
#include "rows/table_set.h"
#include "versions/line.h"
#include "versions/versions.h"

namespace tandem::serving::control {

class Engine final : public Operations {
 public:
  // `graph`: what `open` notes about captured graphs; outlives it.
  Engine(const Flags& flags, const GraphState* graph, OpenDenseFn open);
  ~Engine() override;

  // Opens the ports.
  Status Start();

  Outcome Load(const BaseFolder& folder, nlohmann::json* report) override;
  Outcome Apply(const UpdateFile& file) override;
  Outcome Publish(VersionId version, bool beside) override;
  Outcome Drop(int64_t base) override;
  void SetReady(bool ready) override;
  void SetLoading(std::optional<int64_t> base) override;
  void SetLabels(std::map<std::string, int64_t> bases) override { model_.SetLabels(std::move(bases)); }
  nlohmann::json Ports() override;
  nlohmann::json Stats() override;
  void Drain(double grace_seconds) override;

 private:
  // A base in memory; `busy` while a command works on it.
  struct Held {
    std::shared_ptr<Line> line;
    bool busy = false;
  };

  Outcome Take(int64_t base, std::shared_ptr<Line>* line);
  void GiveBack(int64_t base);
  void TakeBackLoop();

  const Flags flags_;
  const GraphState* const graph_;
  const OpenDenseFn open_;
  TableSet tables_;
  Versions versions_;
  ServedModel model_;
  door::Metrics metrics_;
  std::mutex lines_mutex_;
  std::map<int64_t, Held> lines_;
  std::unique_ptr<door::GrpcServer> server_;

  std::mutex ending_mutex_;
  std::condition_variable ending_changed_;
  std::atomic<bool> ending_ = false;
  std::thread taking_back_;
};

}  // namespace tandem::serving::control
