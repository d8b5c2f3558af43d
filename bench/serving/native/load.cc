// Asks a gRPC server and counts: load PORT PATH BODIES CONNECTIONS STREAMS SECONDS [RATE [RECORD]]
//
// BODIES is a file of messages, each behind its size (uint32); they are sent in turn. Without RATE a closed loop, so
// many calls open on each connection at any time; with it an open loop, calls due at fixed times and their latency
// counted from then. What is due in the first 0.3 s is not counted. RECORD gets a line of bytes for each call that
// ended: body, size (uint32 each), due, latency (double, seconds, CLOCK_MONOTONIC), message. Prints one JSON object.
//
// Memory:  the bodies; of each call its latency, and its message when they are recorded.
// Threads: one.
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "http2.h"

namespace bench {
namespace {

constexpr double kMostSeconds = 600, kPatience = 10, kWarmSeconds = 0.3;
constexpr uint64_t kMostCalls = 20'000'000;

double Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Options {
  uint16_t port;
  std::string path, bodies;
  size_t connections, streams;
  double seconds, rate = 0;
  std::string record;
};

std::vector<std::string> ReadBodies(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::string> bodies;
  for (size_t at = 0; at + 4 <= all.size();) {
    uint32_t size;
    std::memcpy(&size, all.data() + at, sizeof(size));
    const uint32_t prefix = htonl(size);
    std::string body(1, '\0');
    body.append(reinterpret_cast<const char*>(&prefix), sizeof(prefix));
    bodies.push_back(body.append(all, at + 4, size));
    at += 4 + size;
  }
  if (bodies.empty()) Fail(path + " holds no message");
  return bodies;
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options), bodies_(ReadBodies(options.bodies)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    full_.resize(options.connections);
    for (size_t i = 0; i < options.connections; ++i) {
      connections_.push_back(std::make_unique<Http2>(
          options.port, options.path, [this, i](uint64_t number, std::string_view message, bool answered) {
            Ended(i, number, message, answered);
          }));
      Watch(i, EPOLL_CTL_ADD, EPOLLIN);
    }
    if (!options.record.empty()) record_.open(options.record, std::ios::binary);
  }

  void Run() {
    start_ = Now();
    begin_ = start_ + kWarmSeconds;
    end_ = begin_ + options_.seconds;
    if (options_.rate == 0) {
      for (size_t k = 0; k < options_.streams; ++k) {
        for (size_t i = 0; i < connections_.size(); ++i) Start(i, Now());
      }
    }
    for (size_t i = 0; i < connections_.size(); ++i) Flush(i);
    while (Now() < end_) Turn(options_.rate == 0 ? end_ : std::min(end_, Due()), true);
    const double done = Now();
    while (Open() > 0 && Now() < end_ + kPatience) Turn(end_ + kPatience, false);
    Print(done - begin_);
  }

 private:
  double Due() const { return start_ + static_cast<double>(started_) / options_.rate; }

  size_t Open() const { return due_.size() - ended_; }

  void Watch(size_t i, int how, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = i;
    epoll_ctl(epoll_, how, connections_[i]->fd(), &event);
  }

  void Flush(size_t i) {
    const bool full = connections_[i]->Flush();
    if (full) Watch(i, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    if (!full && full_[i]) Watch(i, EPOLL_CTL_MOD, EPOLLIN);
    full_[i] = full;
  }

  void Start(size_t i, double due) {
    if (due_.size() >= kMostCalls) Fail("more calls than this client is meant for; ask for fewer");
    due_.push_back(due);
    connections_[i]->Call(started_, bodies_[started_ % bodies_.size()]);
    ++started_;
  }

  void Turn(double until, bool starting) {
    const double now = Now();
    if (starting && options_.rate > 0) {
      for (double due = Due(); due <= now && due < end_; due = Due()) {
        const size_t i = started_ % connections_.size();
        Start(i, due);
        Flush(i);
      }
      until = std::min(end_, Due());
    }
    const double left = std::max(0.0, until - Now());
    timespec wait{static_cast<time_t>(left),
                  static_cast<long>((left - static_cast<double>(static_cast<time_t>(left))) * 1e9)};
    epoll_event events[64];
    const int got = epoll_pwait2(epoll_, events, 64, &wait, nullptr);
    for (int k = 0; k < got; ++k) {
      const size_t i = events[k].data.u64;
      if (events[k].events & ~EPOLLOUT) connections_[i]->Read();
      Flush(i);
    }
  }

  void Ended(size_t i, uint64_t number, std::string_view message, bool answered) {
    const double now = Now(), latency = now - due_[number];
    ++ended_;
    if (!answered) ++failed_;
    if (answered && now >= begin_ && now <= end_) ++answered_;
    if (answered && due_[number] >= begin_) latencies_.push_back(static_cast<float>(latency));
    if (record_.is_open()) {
      const uint32_t head[] = {static_cast<uint32_t>(number % bodies_.size()), static_cast<uint32_t>(message.size())};
      const double times[] = {due_[number], answered ? latency : -1.0};
      record_.write(reinterpret_cast<const char*>(head), sizeof(head));
      record_.write(reinterpret_cast<const char*>(times), sizeof(times));
      record_.write(message.data(), static_cast<std::streamsize>(message.size()));
    }
    if (options_.rate == 0 && now < end_) Start(i, now);
  }

  double Percentile(double share) {
    if (latencies_.empty()) return -1;
    const size_t at =
        std::min(latencies_.size() - 1, static_cast<size_t>(share * static_cast<double>(latencies_.size())));
    std::nth_element(latencies_.begin(), latencies_.begin() + static_cast<long>(at), latencies_.end());
    return latencies_[at];
  }

  void Print(double seconds) {
    std::printf(
        "{\"answered\": %llu, \"failed\": %llu, \"open\": %zu, \"seconds\": %.6f, \"p50\": %.9f, \"p99\": %.9f, "
        "\"most\": %.9f}\n",
        static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(failed_), Open(), seconds,
        Percentile(0.5), Percentile(0.99), Percentile(1));
  }

  const Options options_;
  const std::vector<std::string> bodies_;
  int epoll_ = -1;
  std::vector<bool> full_;
  std::vector<std::unique_ptr<Http2>> connections_;
  std::ofstream record_;
  double start_ = 0, begin_ = 0, end_ = 0;
  uint64_t started_ = 0, ended_ = 0, answered_ = 0, failed_ = 0;
  std::vector<double> due_;
  std::vector<float> latencies_;
};

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  if (count < 7 || count > 9) bench::Fail("load PORT PATH BODIES CONNECTIONS STREAMS SECONDS [RATE [RECORD]]");
  bench::Options options{static_cast<uint16_t>(std::atoi(words[1])),
                         words[2],
                         words[3],
                         static_cast<size_t>(std::atol(words[4])),
                         static_cast<size_t>(std::atol(words[5])),
                         std::atof(words[6]),
                         count > 7 ? std::atof(words[7]) : 0,
                         count > 8 ? words[8] : ""};
  if (options.port == 0 || options.connections == 0 || options.connections > 1024 || options.streams == 0 ||
      options.seconds <= 0 || options.seconds > bench::kMostSeconds || options.path.size() > 126) {
    bench::Fail("a port, 1 to 1024 connections, at least one stream and at most 600 seconds are wanted");
  }
  bench::Load(options).Run();
}
