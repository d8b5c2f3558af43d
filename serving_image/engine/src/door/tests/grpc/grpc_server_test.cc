// The door as a client meets it: tests/serving/test_grpc_front.py, in bytes.
#include "door/grpc_server.h"

#include <grpcpp/generic/generic_stub.h>

#include <future>
#include <memory>
#include <string>

#include "core/tests/check.h"
#include "door/predict_response.h"
#include "door/tests/example_maker.h"
#include "door/tests/fake_model.h"
#include "door/tests/request_maker.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

constexpr char kPredict[] = "/tensorflow.serving.PredictionService/Predict";
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

struct Reply {
  grpc::Status status;
  std::string bytes;
  std::string trailer;
};

class Client {
 public:
  explicit Client(int port)
      : channel_(grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials())),
        stub_(channel_),
        thread_([this] { Loop(); }) {}

  ~Client() {
    queue_.Shutdown();
    thread_.join();
  }

  std::future<Reply> Begin(const std::string& method, const std::string& request,
                           std::chrono::milliseconds timeout = std::chrono::minutes(1)) {
    auto call = std::make_shared<Call>();
    const grpc::Slice slice(request);
    call->request = grpc::ByteBuffer(&slice, 1);
    call->context.set_deadline(std::chrono::system_clock::now() + timeout);
    std::future<Reply> reply = call->reply.get_future();
    call->reader = stub_.PrepareUnaryCall(&call->context, method, call->request, &queue_);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, new std::shared_ptr<Call>(call));
    return reply;
  }

  Reply Ask(const std::string& method, const std::string& request) { return Begin(method, request).get(); }

 private:
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer request, response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
    std::promise<Reply> reply;
  };

  void Loop() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      const std::unique_ptr<std::shared_ptr<Call>> held(static_cast<std::shared_ptr<Call>*>(tag));
      Call& call = **held;
      Reply reply{call.status, {}, {}};
      grpc::Slice bytes;
      if (reply.status.ok() && call.response.DumpToSingleSlice(&bytes).ok()) {
        reply.bytes.assign(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
      }
      const auto& trailers = call.context.GetServerTrailingMetadata();
      const auto found = trailers.find("tandem-version");
      if (found != trailers.end()) reply.trailer.assign(found->second.data(), found->second.size());
      call.reply.set_value(std::move(reply));
    }
  }

  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  std::thread thread_;
};

struct Served {
  explicit Served(size_t engine_threads = 1, size_t most_jobs = 1024) {
    GrpcOptions options;
    options.listen = {"127.0.0.1:0"};
    options.message_bytes = 100'000;
    options.runner.served_name = "search";
    options.runner.most_rows = 100;
    BatcherOptions batching;
    batching.threads = engine_threads;
    batching.most_rows = 8;
    batching.most_jobs = most_jobs;
    const Status status = GrpcServer::Start(options, batching, &model, &metrics, &server);
    CHECK(status.ok());
    client = std::make_unique<Client>(server->ports()[0]);
  }

  FakeModel model;
  Metrics metrics;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<Client> client;
};

std::string Good() { return Request(Selector("search"), SearchInputs()); }

std::string Expected(VersionName version) {
  std::vector<float> ctr, cvr;
  for (int64_t user : {int64_t{1}, int64_t{-2}, int64_t{1'000'000'000'000}}) {
    ctr.push_back(FakeModel::Answer(user, version));
    cvr.push_back(-ctr.back());
  }
  const ModelSpec spec = SearchSpec();
  const std::vector<size_t> both = {0, 1};
  const float* values[] = {ctr.data(), cvr.data()};
  const PredictResponse response{"search", version.number(), &spec, &both, values, 3};
  std::string bytes(PredictResponseSize(response), '\0');
  WritePredictResponse(response, reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

TEST(AnAnswerNamesItsVersion) {
  for (size_t threads : {0, 1, 2}) {
    Served served(threads);
    served.model.Publish({3, 3});
    for (int i = 0; i < 3; ++i) {
      const Reply reply = served.client->Ask(kPredict, Good());
      CHECK(reply.status.ok() && reply.trailer == "3.3" && reply.bytes == Expected({3, 3}));
    }
    CHECK(served.metrics.answers() == 3 && served.metrics.errors() == 0);
  }
}

TEST(ManyAtOnceAreAllAnswered) {
  for (size_t threads : {0, 2}) {
    Served served(threads);
    served.model.Publish({3, 3});
    std::vector<std::future<Reply>> replies;
    for (int i = 0; i < 300; ++i) replies.push_back(served.client->Begin(kPredict, Good()));
    for (auto& reply : replies) CHECK(reply.get().bytes == Expected({3, 3}));
    CHECK(served.metrics.answers() == 300);
  }
}

TEST(AWrongRequestGetsACodeAndTheRemedy) {
  Served served;
  CHECK(served.client->Ask(kPredict, Good()).status.error_code() == grpc::StatusCode::UNAVAILABLE);
  served.model.Publish({3, 3});
  std::string signature = Selector("search");
  PutBytes(&signature, 3, "x");
  const struct {
    std::string request;
    grpc::StatusCode code;
    std::string message;
  } table[] = {
      {Request(Selector("ads"), SearchInputs()), grpc::StatusCode::NOT_FOUND,
       "model 'ads' is not served here; this server has 'search'"},
      {Request(VersionSelector("search", 17), SearchInputs()), grpc::StatusCode::NOT_FOUND,
       "version 17 (0.17) is not served here; these are: 3000000003 (3.3). Leave the version out to get the newest"},
      {Request(signature, SearchInputs()), grpc::StatusCode::INVALID_ARGUMENT,
       "signature_name 'x' is unknown; leave it out, or send 'serving_default'"},
      {Request(Selector("search"), SearchInputs({{"user", ""}})), grpc::StatusCode::INVALID_ARGUMENT,
       "input 'user' is missing; the model takes 'user', 'words', 'numeric'"},
      {Request(Selector("search"), SearchInputs(), {"ctcvr"}), grpc::StatusCode::INVALID_ARGUMENT,
       "output_filter names 'ctcvr'; the model has 'ctr', 'cvr'"},
      {"\x0a\x7f", grpc::StatusCode::INVALID_ARGUMENT,
       "the request is no tensorflow.serving.PredictRequest: model_spec can't be read; send it with a stock client of "
       "TensorFlow Serving"},
  };
  for (const auto& row : table) {
    const Reply reply = served.client->Ask(kPredict, row.request);
    CHECK(reply.status.error_code() == row.code && reply.status.error_message() == row.message);
  }
  CHECK(served.metrics.answers() == 0 && served.metrics.errors() == 1);
}

TEST(ALargeMessageIsRefused) {
  Served served;
  served.model.Publish({3, 3});
  const Reply reply = served.client->Ask(kPredict, std::string(200'000, 'x'));
  CHECK(reply.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(served.client->Ask(kPredict, Good()).status.ok());
}

TEST(ALongRefusalStaysReadable) {
  Served served;
  served.model.Publish({3, 3});
  Inputs many = SearchInputs();
  for (int i = 0; i < 500; ++i) many.emplace_back("größe " + std::to_string(i), Int64s({1}, {1}));
  const Reply reply = served.client->Ask(kPredict, Request(Selector("search"), many));
  CHECK(reply.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(reply.status.error_message().size() > 1000 && reply.status.error_message().find("…") != std::string::npos);
}

TEST(WhatComesOnTopIsShed) {
  Served served(1, 2);
  served.model.Publish({3, 3});
  served.model.Shut();
  auto first = served.client->Begin(kPredict, Good());
  served.model.Entered();
  auto second = served.client->Begin(kPredict, Good());
  while (served.server->in_flight() < 2) std::this_thread::yield();
  const Reply third = served.client->Ask(kPredict, Good());
  CHECK(third.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(third.status.error_message().find("try another replica") != std::string::npos);
  served.model.Open();
  CHECK(first.get().status.ok() && second.get().status.ok());
  CHECK(served.metrics.answers() == 2 && served.metrics.errors() == 1);
}

TEST(ADeadlineThatPassedIsNotWorkedFor) {
  Served served;
  served.model.Publish({3, 3});
  served.model.Shut();
  auto first = served.client->Begin(kPredict, Good());
  served.model.Entered();
  const Reply late = served.client->Begin(kPredict, Good(), std::chrono::milliseconds(50)).get();
  CHECK(late.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  while (served.server->in_flight() < 2) std::this_thread::yield();
  // The server counts the client's 50 ms from when the request came, which was before now.
  for (const auto passed = Clock::now() + std::chrono::milliseconds(50); Clock::now() <= passed;) {
    std::this_thread::yield();
  }
  served.model.Open();
  CHECK(first.get().status.ok());
  CHECK(served.client->Ask(kPredict, Good()).status.ok());
  CHECK(served.model.runs == 2);
}

TEST(TheOtherMethodsAnswer) {
  Served served;
  served.model.Publish({3, 3});
  std::string asked, metadata;
  PutBytes(&asked, 1, Selector("search"));
  metadata = asked;
  PutBytes(&metadata, 2, "signature_def");
  const std::string predictions = "/tensorflow.serving.PredictionService/",
                    models = "/tensorflow.serving.ModelService/";
  const Reply described = served.client->Ask(predictions + "GetModelMetadata", metadata);
  CHECK(described.status.ok() && described.trailer == "3.3");
  CHECK(described.bytes.find("SignatureDefMap") != std::string::npos);
  served.server->SetLoading(4);
  const Reply status = served.client->Ask(models + "GetModelStatus", asked);
  std::string loading;
  PutNumber(&loading, 1, 4'000'000'000);
  CHECK(status.status.ok() && status.bytes.find(loading) != std::string::npos);
  CHECK(served.client->Ask(models + "HandleReloadConfigRequest", "").status.ok());
  for (const std::string name : {"Classify", "Regress", "MultiInference"}) {
    const std::string first =
        name == "MultiInference" ? Task(Selector("search"), std::string(kRegressName)) : Inside(1, Selector("search"));
    const Reply reply = served.client->Ask(predictions + name, first + Inside(2, ListInput({SearchExample(7)})));
    const float answer = FakeModel::Answer(7, {3, 3});
    CHECK(reply.status.ok() && reply.trailer == "3.3");
    CHECK(reply.bytes.find(Raw(std::vector<float>{answer})) != std::string::npos);
    CHECK(served.client->Ask(predictions + name, first).status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  }
  CHECK(served.client->Ask(predictions + "Nothing", "").status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
}

TEST(HealthFollowsReadiness) {
  Served served;
  for (const std::string name : {"", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"}) {
    std::string asked;
    PutBytes(&asked, 1, name);
    for (bool ready : {false, true, false}) {
      served.server->SetReady(ready);
      CHECK(served.client->Ask(kHealth, asked).bytes == (ready ? "\x08\x01" : "\x08\x02"));
    }
  }
}

TEST(AServiceThatIsNotHereHasNoHealth) {
  Served served;
  std::string asked;
  PutBytes(&asked, 1, "ads");
  const Reply reply = served.client->Ask(kHealth, asked);
  CHECK(reply.status.error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(reply.status.error_message().find("service 'ads' is not here") == 0);
}

TEST(WhatRunsWhenItEndsIsAnswered) {
  for (size_t threads : {0, 1}) {
    Served served(threads);
    served.model.Publish({3, 3});
    served.model.Shut();
    auto running = served.client->Begin(kPredict, Good());
    served.model.Entered();
    auto stopped = std::async(std::launch::async, [&] { served.server->Stop(std::chrono::seconds(30)); });
    Reply refused;
    do {
      refused = served.client->Begin(kPredict, "\x0a\x7f", std::chrono::milliseconds(50)).get();
    } while (refused.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    served.model.Open();
    CHECK(running.get().bytes == Expected({3, 3}));
    stopped.get();
  }
}

TEST(AnAddressThatIsTakenIsNamed) {
  Served served;
  GrpcOptions options;
  options.listen = {"127.0.0.1:" + std::to_string(served.server->ports()[0])};
  std::unique_ptr<GrpcServer> second;
  const Status status = GrpcServer::Start(options, {}, &served.model, &served.metrics, &second);
  CHECK(!status.ok() && status.why().find(options.listen[0] + " can't be listened on") != std::string::npos);
}

}  // namespace
}  // namespace tandem::serving::door
