// Lines over a stream socket.
//
// Memory:  one buffer, at most kMostLine bytes.
// Threads: one thread's own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem::serving::control {

class LineSocket {
 public:
  static constexpr size_t kMostLine = size_t{1} << 20;

  // Takes the descriptor.
  explicit LineSocket(int fd) : fd_(fd) {}
  ~LineSocket();
  LineSocket(const LineSocket&) = delete;
  LineSocket& operator=(const LineSocket&) = delete;

  // The next line without its newline; false when the other side is gone or sends a line beyond kMostLine.
  bool Read(std::string* line);

  // False when the other side is gone.
  bool Write(std::string_view line);

 private:
  const int fd_;
  std::string buffer_;
};

}  // namespace tandem::serving::control
