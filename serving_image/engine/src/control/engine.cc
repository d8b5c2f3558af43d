#include "control/engine.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <new>

#include "control/log.h"

namespace tandem::serving::control {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kTakeBackEvery(500);

void RunWhenIdle() {
  const sched_param none{};
  // Refused only where a sandbox forbids it; then the work is done at normal priority.
  pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

// Runs `work` on a thread that gets only what time is left, if it yields, and waits for it.
template <typename Work>
Outcome InBackground(bool yields, const char* what, Work&& work) {
  Outcome outcome;
  std::thread thread([&] {
    if (yields) RunWhenIdle();
    try {
      outcome = work();
    } catch (const std::bad_alloc&) {
      outcome = {Outcome::Kind::kNoRoom,
                 std::string(what) + " needs more memory than there is; give the pod more, or make the model smaller"};
    }
  });
  thread.join();
  return outcome;
}

std::string BaseText(int64_t base) { return "base " + std::to_string(base); }

Status ReadFile(const std::string& path, std::string* bytes) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  bytes->assign(std::istreambuf_iterator<char>(file), {});
  return file.good() || file.eof() ? Status() : Status::Refused(path + " can't be read; check --descriptors");
}

}  // namespace

Engine::Engine(const Flags& flags, const GraphState* graph, OpenDenseFn open)
    : flags_(flags),
      graph_(graph),
      open_(std::move(open)),
      versions_(&tables_),
      model_(&versions_, flags.batch_sizes.back()) {}

Engine::~Engine() {
  {
    const std::lock_guard<std::mutex> lock(ending_mutex_);
    ending_ = true;
  }
  ending_changed_.notify_all();
  if (taking_back_.joinable()) taking_back_.join();
  server_.reset();
}

Status Engine::Start() {
  door::GrpcOptions options;
  Status status = ReadFile(flags_.descriptors, &options.descriptors);
  if (!status.ok()) return status;
  options.listen = flags_.listen;
  options.threads = static_cast<int>(flags_.door_threads);
  if (flags_.door_threads == 0) {
    options.threads =
        flags_.engine_threads > 0 ? 1 : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }
  options.message_bytes = flags_.message_bytes;
  options.memory_bytes = flags_.door_bytes;
  options.runner.served_name = flags_.model;
  options.runner.most_rows = flags_.request_rows;
  door::BatcherOptions batching;
  batching.threads = flags_.engine_threads;
  batching.most_rows = flags_.batch_sizes.back();
  batching.most_jobs = flags_.in_flight;
  batching.most_bytes = flags_.waiting_bytes;
  status = door::GrpcServer::Start(options, batching, &model_, &metrics_, &server_);
  if (!status.ok()) return status;
  taking_back_ = std::thread([this] { TakeBackLoop(); });
  return {};
}

Outcome Engine::Load(const BaseFolder& folder, json* report) {
  {
    const std::lock_guard<std::mutex> lock(lines_mutex_);
    if (!lines_.emplace(folder.base, Held{nullptr, true}).second) {
      return {Outcome::Kind::kRefused, BaseText(folder.base) + " is in memory already; drop it first"};
    }
  }
  std::unique_ptr<Line> line;
  std::string text;
  const auto begun = std::chrono::steady_clock::now();
  Outcome outcome = InBackground(flags_.yields, "the base", [&] {
    return Line::Load(&tables_, folder, open_, [this] { return !ending_; }, &line, &text);
  });
  *report = json::parse(text, nullptr, false);
  if (report->is_discarded()) *report = text;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  const std::lock_guard<std::mutex> lock(lines_mutex_);
  if (outcome.ok()) {
    lines_[folder.base] = {std::move(line), false};
    LogInfo("loaded", {{"base", folder.base}, {"seconds", seconds}, {"warm_up", *report}});
  } else {
    lines_.erase(folder.base);
    LogError("a base was refused", {{"base", folder.base}, {"kind", NameOf(outcome.kind())}, {"why", outcome.why()}});
  }
  return outcome;
}

Outcome Engine::Take(int64_t base, std::shared_ptr<Line>* line) {
  const std::lock_guard<std::mutex> lock(lines_mutex_);
  const auto found = lines_.find(base);
  if (found == lines_.end()) return {Outcome::Kind::kRefused, BaseText(base) + " is not in memory; load it first"};
  if (found->second.busy) {
    return {Outcome::Kind::kRefused, BaseText(base) + " is being loaded or updated; wait for that"};
  }
  found->second.busy = true;
  *line = found->second.line;
  return {};
}

void Engine::GiveBack(int64_t base) {
  const std::lock_guard<std::mutex> lock(lines_mutex_);
  lines_[base].busy = false;
}

Outcome Engine::Apply(const UpdateFile& file) {
  std::shared_ptr<Line> line;
  Outcome outcome = Take(file.base, &line);
  if (!outcome.ok()) return outcome;
  outcome = InBackground(flags_.yields, "the update", [&] { return line->Apply(file); });
  GiveBack(file.base);
  if (!outcome.ok()) {
    LogError("an update was refused",
             {{"base", file.base}, {"update", file.update}, {"kind", NameOf(outcome.kind())}, {"why", outcome.why()}});
  }
  return outcome;
}

Outcome Engine::Publish(VersionId version, bool beside) {
  std::shared_ptr<Line> line;
  Outcome outcome = Take(version.base, &line);
  if (!outcome.ok()) return outcome;
  const std::shared_ptr<const Version> newest = line->newest();
  GiveBack(version.base);
  if (!(newest->id() == version)) {
    return {Outcome::Kind::kRefused, "version " + version.text() + " is not the newest of its base, which is " +
                                         newest->id().text() + "; publish that one"};
  }
  beside ? versions_.Offer(newest) : versions_.Publish(newest);
  return {};
}

Outcome Engine::Drop(int64_t base) {
  std::shared_ptr<Line> line;
  Outcome outcome = Take(base, &line);
  if (!outcome.ok()) return outcome;
  outcome = versions_.Drop(base);
  if (!outcome.ok()) {
    GiveBack(base);
    return outcome;
  }
  const std::lock_guard<std::mutex> lock(lines_mutex_);
  lines_.erase(base);
  LogInfo("dropped", {{"base", base}});
  return {};
}

void Engine::SetReady(bool ready) { server_->SetReady(ready); }

void Engine::SetLoading(std::optional<int64_t> base) { server_->SetLoading(base); }

json Engine::Ports() {
  json ports = json::object();
  for (size_t i = 0; i < flags_.listen.size(); ++i) ports[flags_.listen[i]] = server_->ports()[i];
  return {{"ports", std::move(ports)}};
}

json Engine::Stats() {
  json here = json::array();
  for (const VersionId& id : versions_.Known()) here.push_back(id.text());
  json labels = json::object();
  for (const auto& [label, version] : model_.Labels()) labels[label] = version.text();
  const RowBytes rows = tables_.bytes();
  std::string text = metrics_.Text(server_->in_flight());
  text +=
      "# HELP tandem_engine_row_bytes Memory of rows and their index, all versions together.\n"
      "# TYPE tandem_engine_row_bytes gauge\n";
  text += "tandem_engine_row_bytes{kind=\"used\"} " + std::to_string(rows.used) + "\n";
  text += "tandem_engine_row_bytes{kind=\"reserved\"} " + std::to_string(rows.reserved) + "\n";
  text +=
      "# HELP tandem_engine_graph_batches_total Batches that a captured graph computed, and that it was meant to.\n"
      "# TYPE tandem_engine_graph_batches_total counter\n";
  text += "tandem_engine_graph_batches_total{by=\"graph\"} " + std::to_string(graph_->captured()) + "\n";
  text += "tandem_engine_graph_batches_total{by=\"fallback\"} " + std::to_string(graph_->fallback()) + "\n";
  GraphState::Is is;
  std::string why;
  graph_->Get(&is, &why);
  text +=
      "# HELP tandem_engine_graph Whether captured graphs compute: 1 for what is the case.\n"
      "# TYPE tandem_engine_graph gauge\n";
  for (const auto each :
       {GraphState::Is::kOff, GraphState::Is::kOn, GraphState::Is::kUnavailable, GraphState::Is::kFallback}) {
    text +=
        std::string("tandem_engine_graph{state=\"") + GraphState::NameOf(each) + "\"} " + (each == is ? "1\n" : "0\n");
  }
  return {{"graph", {{"state", GraphState::NameOf(is)}, {"why", std::move(why)}}},
          {"answers", metrics_.answers()},
          {"errors", metrics_.errors()},
          {"in_flight", server_->in_flight()},
          {"versions", std::move(here)},
          {"labels", std::move(labels)},
          {"text", std::move(text)}};
}

void Engine::Drain(double grace_seconds) {
  server_->SetReady(false);
  server_->Stop(std::chrono::milliseconds(static_cast<int64_t>(grace_seconds * 1000)));
}

void Engine::TakeBackLoop() {
  if (flags_.yields) RunWhenIdle();
  std::unique_lock<std::mutex> lock(ending_mutex_);
  while (!ending_changed_.wait_for(lock, kTakeBackEvery, [this] { return ending_.load(); })) {
    lock.unlock();
    model_.ForgetDropped();
    versions_.Reclaim();
    lock.lock();
  }
}

}  // namespace tandem::serving::control
