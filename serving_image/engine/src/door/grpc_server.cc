#include "door/grpc_server.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/resource_quota.h>
#include <sched.h>

#include <array>

#include "door/example_call.h"
#include "door/info_messages.h"

namespace tandem::serving::door {
namespace {

constexpr char kReflection[] = "grpc.reflection.v1.ServerReflection";
constexpr char kReflectionBefore[] = "grpc.reflection.v1alpha.ServerReflection";
constexpr int kWaitingCalls = 64;  // calls of Predict that may come in at the same instant
constexpr int64_t kNotLoading = -1;
constexpr int kMostDrained = 256;  // events between two batches of a thread that also computes

// Where a method stands: in which service, at which place.
enum class Service { kPredictions, kModels, kHealth };
struct Place {
  Service service;
  size_t index;
};
constexpr std::array<Place, kMethods> kPlaces = {{{Service::kPredictions, 0},
                                                  {Service::kPredictions, 1},
                                                  {Service::kModels, 0},
                                                  {Service::kModels, 1},
                                                  {Service::kPredictions, 2},
                                                  {Service::kPredictions, 3},
                                                  {Service::kPredictions, 4},
                                                  {Service::kHealth, 0}}};

// Comes out of the queue at once, for whoever sleeps there.
class Nudge final : public Event {
 public:
  void Come(grpc::ServerCompletionQueue* queue) {
    alarm_.Set(queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), static_cast<Event*>(this));
  }
  void Proceed(bool) override { delete this; }

 private:
  grpc::Alarm alarm_;
};

// By the clock that never jumps.
gpr_timespec AfterNow(std::chrono::milliseconds duration) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(duration.count(), GPR_TIMESPAN));
}

void Configure(const GrpcOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes));
  builder->SetMaxSendMessageSize(static_cast<int>(options.message_bytes));
  grpc::ResourceQuota quota("door");
  builder->SetResourceQuota(quota.Resize(options.memory_bytes));
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer that went away without a word is noticed and let go of, and one that pings too much is sent away.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1024);
}

}  // namespace

GrpcServer::GrpcServer(const GrpcOptions& options, const BatcherOptions& batching, Model* model, Metrics* metrics)
    : options_(options),
      model_(model),
      metrics_(metrics),
      predictions_(kPredictionService, {"Predict", "GetModelMetadata", "Classify", "Regress", "MultiInference"}),
      models_(kModelService, {"GetModelStatus", "HandleReloadConfigRequest"}),
      health_(kHealthService, {"Check"}),
      reflection_({kPredictionService, kModelService, kHealthService, kReflection, kReflectionBefore}),
      reflections_{ReflectionService(kReflection), ReflectionService(kReflectionBefore)},
      loading_(kNotLoading) {
  BatcherOptions shared = batching;
  shared.sharers = static_cast<size_t>(options.threads);
  batcher_ = std::make_unique<Batcher>(shared, [this]() -> RunJobs {
    auto runner = std::make_shared<BatchRunner>(options_.runner, model_, metrics_);
    return [runner](const std::vector<Job*>& jobs) { runner->Run(jobs); };
  });
}

Status GrpcServer::Start(const GrpcOptions& options, const BatcherOptions& batching, Model* model, Metrics* metrics,
                         std::unique_ptr<GrpcServer>* started) {
  std::unique_ptr<GrpcServer> server(new GrpcServer(options, batching, model, metrics));
  Status status = server->Open();
  if (status.ok()) *started = std::move(server);
  return status;
}

GrpcServer::~GrpcServer() { Stop(std::chrono::milliseconds(0)); }

Status GrpcServer::Open() {
  Status described = reflection_.Add(options_.descriptors);
  if (!described.ok()) return described;
  grpc::ServerBuilder builder;
  Configure(options_, &builder);
  ports_.assign(options_.listen.size(), 0);
  for (size_t i = 0; i < options_.listen.size(); ++i) {
    builder.AddListeningPort(options_.listen[i], grpc::InsecureServerCredentials(), &ports_[i]);
  }
  builder.RegisterService(&predictions_);
  builder.RegisterService(&models_);
  builder.RegisterService(&health_);
  builder.RegisterService(&watching_);
  for (ReflectionService& service : reflections_) builder.RegisterService(&service);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  for (size_t i = 0; i < ports_.size(); ++i) {
    if (server_ != nullptr && ports_[i] != 0) continue;
    return Status::Refused("the address " + options_.listen[i] +
                           " can't be listened on; choose another, or end the program that holds it");
  }
  for (int i = 0; i < kWaitingCalls; ++i) AwaitNext(Method::kPredict);
  for (size_t m = 1; m < kMethods; ++m) AwaitNext(static_cast<Method>(m));
  for (ReflectionService& service : reflections_) {
    (new ReflectionCall(this, &reflection_, &service, queue_.get()))->Await();
  }
  (new WatchCall(this, &watchers_, &watching_, queue_.get()))->Await();
  const bool computing = batcher_->options().threads == 0;
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, computing] { computing ? ComputingLoop() : Loop(); });
  }
  return {};
}

void GrpcServer::SetLoading(std::optional<int64_t> base) { loading_ = base.value_or(kNotLoading); }

void GrpcServer::Stop(std::chrono::milliseconds grace) {
  watchers_.Close();  // they would stay as long as there is grace
  if (server_ != nullptr) server_->Shutdown(AfterNow(grace));
  {
    std::unique_lock<std::mutex> lock(mutex_);
    if (ended_) return;
    ended_ = true;
    none_left_.wait(lock, [this] { return begun_ == 0; });
  }
  batcher_->Stop();
  if (queue_ != nullptr) queue_->Shutdown();
  for (std::thread& thread : threads_) thread.join();
  void* tag = nullptr;
  bool ok = false;
  while (threads_.empty() && queue_ != nullptr && queue_->Next(&tag, &ok)) static_cast<Event*>(tag)->Proceed(false);
  threads_.clear();
}

void GrpcServer::Loop() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) static_cast<Event*>(tag)->Proceed(ok);
}

// Takes what came, without waiting while something is to be computed, then computes its part of it. It takes all, not
// only what it computes, so that the batcher can shed; for the rest a thread that sleeps is woken.
void GrpcServer::ComputingLoop() {
  BatchRunner runner(options_.runner, model_, metrics_);
  const RunJobs run = [this, &runner](const std::vector<Job*>& jobs) {
    if (batcher_->waiting() && asleep_ > 0) WakeAnother();
    runner.Run(jobs);
  };
  std::vector<Job*> room;
  bool waits = false;
  for (;;) {
    void* tag = nullptr;
    bool ok = false;
    auto status = waits ? grpc::CompletionQueue::GOT_EVENT : Sleep(&tag, &ok);
    if (status == grpc::CompletionQueue::GOT_EVENT && tag != nullptr) static_cast<Event*>(tag)->Proceed(ok);
    if (status == grpc::CompletionQueue::GOT_EVENT) status = Drain();
    if (batcher_->gathering()) {
      sched_yield();  // at once back where nobody else wants the core
      status = Drain();
    }
    waits = batcher_->RunWaiting(run, &room);
    if (status == grpc::CompletionQueue::SHUTDOWN && !waits) return;
  }
}

// What came so far, but not for ever.
grpc::CompletionQueue::NextStatus GrpcServer::Drain() {
  auto status = grpc::CompletionQueue::GOT_EVENT;
  for (int i = 0; i < kMostDrained && status == grpc::CompletionQueue::GOT_EVENT; ++i) {
    void* tag = nullptr;
    bool ok = false;
    status = queue_->AsyncNext(&tag, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC));
    if (status == grpc::CompletionQueue::GOT_EVENT) static_cast<Event*>(tag)->Proceed(ok);
  }
  return status;
}

// The next event; unless a request waits, whenever it comes.
grpc::CompletionQueue::NextStatus GrpcServer::Sleep(void** tag, bool* ok) {
  ++asleep_;
  const bool waiting = batcher_->waiting();
  const auto status =
      queue_->AsyncNext(tag, ok, waiting ? gpr_inf_past(GPR_CLOCK_MONOTONIC) : gpr_inf_future(GPR_CLOCK_MONOTONIC));
  --asleep_;
  return status;
}

// Called while a request that has begun is not answered yet, so that the queue is open.
void GrpcServer::WakeAnother() { (new Nudge())->Come(queue_.get()); }

bool GrpcServer::Begin(const std::function<void()>& await_next) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ended_) return false;
  ++begun_;
  await_next();
  return true;
}

void GrpcServer::End() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--begun_ == 0 && ended_) none_left_.notify_all();
}

void GrpcServer::AwaitNext(Method method) {
  const Place place = kPlaces[static_cast<size_t>(method)];
  UnaryCall* call = nullptr;
  if (method == Method::kPredict) {
    call = new PredictCall(this);
  } else if (method == Method::kClassify || method == Method::kRegress || method == Method::kMultiInference) {
    call = new ExampleCall(this, method);
  } else {
    call = new InfoCall(this, method);
  }
  ByteService* service = place.service == Service::kPredictions ? &predictions_
                         : place.service == Service::kModels    ? &models_
                                                                : &health_;
  call->Await(service, place.index, queue_.get());
}

std::string GrpcServer::Overloaded() const {
  return std::to_string(batcher_->options().most_jobs) +
         " requests, or as much as memory allows, are being answered already; try another replica";
}

Refusal GrpcServer::Inform(Method method, std::string_view request, std::string* response,
                           std::optional<VersionName>* version) {
  const std::string_view served = options_.runner.served_name;
  const int64_t loading = loading_;
  if (method == Method::kGetModelMetadata) {
    return GetModelMetadata(request, served, model_, response, &version->emplace());
  }
  if (method == Method::kGetModelStatus) {
    return GetModelStatus(request, served, *model_,
                          loading == kNotLoading ? std::nullopt : std::optional<int64_t>(loading), response);
  }
  if (method == Method::kHealthCheck) return CheckHealth(request, watchers_.ready(), response);
  return HandleReloadConfig(request, served, response);
}

}  // namespace tandem::serving::door
