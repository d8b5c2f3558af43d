#include "control/line_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace tandem::serving::control {

LineSocket::~LineSocket() { ::close(fd_); }

bool LineSocket::Read(std::string* line) {
  size_t searched = 0;
  for (;;) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      line->assign(buffer_, 0, end);
      buffer_.erase(0, end + 1);
      return true;
    }
    searched = buffer_.size();
    if (searched > kMostLine) return false;
    char chunk[4096];
    const ssize_t size = ::recv(fd_, chunk, sizeof chunk, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(size));
  }
}

bool LineSocket::Write(std::string_view line) {
  std::string whole(line);
  whole.push_back('\n');
  for (size_t at = 0; at < whole.size();) {
    const ssize_t size = ::send(fd_, whole.data() + at, whole.size() - at, MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    at += static_cast<size_t>(size);
  }
  return true;
}

}  // namespace tandem::serving::control
