// A gRPC server that does nothing: the ceiling of any server on this library. empty ANSWER TRAILER inline|queued QUEUES
//
// Every Predict is answered with the bytes of the file ANSWER and the trailer tandem-version: TRAILER. `inline` answers
// on the thread that took the call out of its queue, `queued` on another one, as a server does that gathers batches.
// Prints the port, and ends when its input ends.
//
// Memory:  an object per open call.
// Threads: one per queue, and one more that answers if queued.
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "door/byte_service.h"

namespace bench {
namespace {

using tandem::serving::door::ByteService;
using tandem::serving::door::ByteWriter;

struct Answers {
  std::string message, trailer;
};

class Call;

// Calls that wait for the thread that answers.
class Line {
 public:
  void Push(Call* call) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      calls_.push_back(call);
    }
    wake_.notify_one();
  }
  void Loop();

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Call*> calls_;
};

class Call {
 public:
  Call(ByteService* service, grpc::ServerCompletionQueue* queue, const Answers* answers, Line* line)
      : service_(service), queue_(queue), answers_(answers), line_(line), writer_(&context_) {
    service_->Request(0, &context_, &request_, &writer_, queue_, this);
  }

  void Proceed(bool ok) {
    if (!ok || arrived_) {
      delete this;
      return;
    }
    arrived_ = true;
    new Call(service_, queue_, answers_, line_);
    line_ == nullptr ? Answer() : line_->Push(this);
  }

  void Answer() {
    const grpc::Slice message(answers_->message);
    context_.AddTrailingMetadata("tandem-version", answers_->trailer);
    writer_.Finish(grpc::ByteBuffer(&message, 1), grpc::Status::OK, this);
  }

 private:
  ByteService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  const Answers* const answers_;
  Line* const line_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  ByteWriter writer_;
  bool arrived_ = false;
};

void Line::Loop() {
  std::vector<Call*> taken;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return !calls_.empty(); });
      taken.swap(calls_);
    }
    for (Call* call : taken) call->Answer();
    taken.clear();
  }
}

int Serve(const Answers& answers, bool queued, int queues) {
  ByteService service("tensorflow.serving.PredictionService", {"Predict"});
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> taken;
  for (int i = 0; i < queues; ++i) taken.push_back(builder.AddCompletionQueue());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;
  auto* line = new Line();  // its thread never ends
  if (queued) std::thread([line] { line->Loop(); }).detach();
  for (auto& queue : taken) {
    for (int i = 0; i < 64; ++i) new Call(&service, queue.get(), &answers, queued ? line : nullptr);
    std::thread([queue = queue.get()] {
      void* tag = nullptr;
      bool ok = false;
      while (queue->Next(&tag, &ok)) static_cast<Call*>(tag)->Proceed(ok);
    }).detach();
  }
  std::printf("%d\n", port);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  _exit(0);  // its threads never end
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  if (count != 5) {
    std::fprintf(stderr, "empty ANSWER TRAILER inline|queued QUEUES\n");
    return 2;
  }
  std::ifstream file(words[1], std::ios::binary);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as ours
  const bench::Answers answers{{std::istreambuf_iterator<char>(file), {}}, words[2]};
  return bench::Serve(answers, std::string(words[3]) == "queued", std::max(1, std::atoi(words[4])));
}
