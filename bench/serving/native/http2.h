// A client's half of HTTP/2, as much of it as unary gRPC calls over loopback need.
//
// Memory:  what is to be sent and the tail of what came; a call's message while it is open.
// Threads: one.
//
// Headers are sent as literals once and by their places in the server's table from then on, as browsers and h2load do.
// Answers' headers are not read: a call is answered when a whole message came and the stream ended, and has failed when
// it ended without one, which is how gRPC tells of errors.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bench {

[[noreturn]] inline void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

class Http2 {
 public:
  // Called with the number that Call was given, and the answer's message, or nothing if the call failed.
  using Ended = std::function<void(uint64_t number, std::string_view message, bool answered)>;

  Http2(uint16_t port, std::string path, Ended ended) : path_(std::move(path)), ended_(std::move(ended)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    if (fd_ < 0 || connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
      Fail("port " + std::to_string(port) + " can't be reached: " + std::strerror(errno) + "; start the server first");
    }
    out_ = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    Frame(kSettings, 0, 0, 6);
    Put16(4);  // each stream's window
    Put32(kStreamWindow);
    Frame(kWindow, 0, 0, 4);
    Put32(kConnectionWindow);
  }
  ~Http2() { close(fd_); }
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;

  int fd() const { return fd_; }
  size_t open() const { return calls_.size(); }

  // Begins a call with a message that has its prefix of five bytes. Sent by Flush.
  void Call(uint64_t number, std::string_view message) {
    if (message.size() > stream_credit_) {
      Fail("a message of " + std::to_string(message.size()) +
           " bytes is larger than a stream's window; send fewer rows");
    }
    waiting_.append(reinterpret_cast<const char*>(&number), sizeof(number));
    const uint64_t at = reinterpret_cast<uint64_t>(message.data());
    const uint64_t size = message.size();
    waiting_.append(reinterpret_cast<const char*>(&at), sizeof(at));
    waiting_.append(reinterpret_cast<const char*>(&size), sizeof(size));
  }

  // Sends what the connection's window and the socket take; whether something is left for a socket that is full.
  bool Flush() {
    size_t taken = 0;
    for (; taken < waiting_.size() && Begin(waiting_.data() + taken); taken += 3 * sizeof(uint64_t)) {
    }
    waiting_.erase(0, taken);
    while (!out_.empty()) {
      const ssize_t sent = send(fd_, out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return true;
      if (sent < 0) Fail(std::string("the server hung up: ") + std::strerror(errno));
      out_.erase(0, static_cast<size_t>(sent));
    }
    return false;
  }

  // Reads what came and tells of the calls that ended.
  void Read() {
    char more[1 << 16];
    for (;;) {
      const ssize_t got = recv(fd_, more, sizeof(more), MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (got <= 0) Fail("the server hung up");
      in_.append(more, static_cast<size_t>(got));
      if (static_cast<size_t>(got) < sizeof(more)) break;
    }
    size_t at = 0;
    while (in_.size() - at >= kHead) {
      const auto* head = reinterpret_cast<const uint8_t*>(in_.data() + at);
      const size_t size = size_t{head[0]} << 16 | size_t{head[1]} << 8 | head[2];
      if (in_.size() - at < kHead + size) break;
      Take(head[3], head[4], Read32(head + 5) & 0x7fffffff, {in_.data() + at + kHead, size});
      at += kHead + size;
    }
    in_.erase(0, at);
    if (consumed_ >= kConnectionWindow / 2) {
      Frame(kWindow, 0, 0, 4);
      Put32(consumed_);
      consumed_ = 0;
    }
  }

 private:
  enum Type : uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7, kWindow = 8 };
  static constexpr uint8_t kEnd = 1, kAck = 1, kHeadersEnd = 4, kPadded = 8;
  static constexpr size_t kHead = 9, kPrefix = 5, kMostFrame = 16384;
  static constexpr uint32_t kStreamWindow = 1 << 24, kConnectionWindow = 1 << 30;

  struct Open {
    uint64_t number;
    std::string message;
  };

  static uint32_t Read32(const void* from) {
    uint32_t value;
    std::memcpy(&value, from, sizeof(value));
    return ntohl(value);
  }
  void Put16(uint16_t value) {
    value = htons(value);
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Put32(uint32_t value) {
    value = htonl(value);
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void PutText(std::string_view text) {
    out_ += static_cast<char>(text.size());  // below 127, so that one byte holds it
    out_ += text;
  }
  void Frame(Type type, uint8_t flags, uint32_t stream, size_t size) {
    out_ += static_cast<char>(size >> 16);
    Put16(static_cast<uint16_t>(size));
    out_ += static_cast<char>(type);
    out_ += static_cast<char>(flags);
    Put32(stream);
  }

  // Writes the frames of a call that waits, unless the connection's window is too small for it now.
  bool Begin(const char* entry) {
    uint64_t number, address, size;
    std::memcpy(&number, entry, 8);
    std::memcpy(&address, entry + 8, 8);
    std::memcpy(&size, entry + 16, 8);
    if (static_cast<int64_t>(size) > credit_) return false;
    credit_ -= static_cast<int64_t>(size);
    const uint32_t stream = next_;
    next_ += 2;
    calls_[stream].number = number;
    BeginHeaders(stream);
    const char* from = reinterpret_cast<const char*>(address);
    for (size_t done = 0; done < size;) {
      const size_t part = std::min<size_t>(size - done, kMostFrame);
      Frame(kData, done + part == size ? kEnd : 0, stream, part);
      out_.append(from + done, part);
      done += part;
    }
    return true;
  }

  void BeginHeaders(uint32_t stream) {
    constexpr std::string_view kKnown = "\x83\x86\xc1\xc0\xbf\xbe";  // POST, http, then the four below
    if (stream > 1) {
      Frame(kHeaders, kHeadersEnd, stream, kKnown.size());
      out_ += kKnown;
      return;
    }
    constexpr std::string_view kAuthority = "localhost", kType = "application/grpc", kTe = "te", kTrailers = "trailers";
    const size_t size =
        2 + 2 + path_.size() + 2 + kAuthority.size() + 2 + kType.size() + 1 + 1 + kTe.size() + 1 + kTrailers.size();
    Frame(kHeaders, kHeadersEnd, stream, size);
    out_ += "\x83\x86\x44";
    PutText(path_);
    out_ += '\x41';
    PutText(kAuthority);
    out_ += '\x5f';
    PutText(kType);
    out_ += '\x40';
    PutText(kTe);
    PutText(kTrailers);
  }

  void Take(uint8_t type, uint8_t flags, uint32_t stream, std::string_view body) {
    switch (type) {
      case kData: {
        consumed_ += static_cast<uint32_t>(body.size());
        const auto found = calls_.find(stream);
        if (flags & kPadded) Fail("the server pads its frames, which this client does not read");
        if (found != calls_.end()) found->second.message += body;
        if (flags & kEnd) End(stream);
        return;
      }
      case kHeaders:
        if (flags & kEnd) End(stream);
        return;
      case kReset:
        return End(stream);
      case kSettings:
        if (flags & kAck) return;
        for (size_t at = 0; at + 6 <= body.size(); at += 6) {
          if (body[at] == 0 && body[at + 1] == 4) stream_credit_ = Read32(body.data() + at + 2);
        }
        return Frame(kSettings, kAck, 0, 0);
      case kPing:
        if (flags & kAck) return;
        Frame(kPing, kAck, 0, body.size());
        out_ += body;
        return;
      case kWindow:
        if (stream == 0) credit_ += Read32(body.data());
        return;
      case kGoAway:
        Fail("the server takes no more calls");
      default:
        return;
    }
  }

  void End(uint32_t stream) {
    const auto found = calls_.find(stream);
    if (found == calls_.end()) return;
    const Open call = std::move(found->second);
    calls_.erase(found);
    const std::string_view message = call.message;
    const bool whole = message.size() >= kPrefix && Read32(message.data() + 1) == message.size() - kPrefix;
    ended_(call.number, whole ? message.substr(kPrefix) : message, whole);
  }

  const std::string path_;
  const Ended ended_;
  int fd_ = -1;
  std::string out_, in_, waiting_;
  std::unordered_map<uint32_t, Open> calls_;
  uint32_t next_ = 1;
  uint32_t consumed_ = 0;
  int64_t credit_ = 65535;
  uint32_t stream_credit_ = 65535;
};

}  // namespace bench
