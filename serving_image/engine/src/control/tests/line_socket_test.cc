#include "control/line_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "core/tests/check.h"

namespace tandem::serving::control {
namespace {

struct Pair {
  Pair() { CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0); }
  int fds[2];
};

TEST(LinesComeWholeHoweverTheyWereCut) {
  const Pair pair;
  LineSocket socket(pair.fds[0]);
  const std::string sent = "one\n\ntwo " + std::string(10'000, 'x') + "\nthree\nrest";
  std::thread writer([&] {
    for (size_t at = 0; at < sent.size(); at += 7) {
      const std::string part = sent.substr(at, 7);
      if (::send(pair.fds[1], part.data(), part.size(), 0) < 0) break;
    }
    ::close(pair.fds[1]);
  });
  std::string line, all;
  int lines = 0;
  while (socket.Read(&line)) all += line + "\n", ++lines;
  writer.join();
  CHECK(lines == 4 && all + "rest" == sent);
}

TEST(ALineWithoutAnEndIsNotKept) {
  const Pair pair;
  LineSocket socket(pair.fds[0]);
  std::thread writer([&] {
    const std::string chunk(1 << 16, 'x');
    for (int i = 0; i < 17; ++i) {
      if (::send(pair.fds[1], chunk.data(), chunk.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::shutdown(pair.fds[1], SHUT_WR);
  });
  std::string line;
  CHECK(!socket.Read(&line));
  char rest[4096];
  while (::recv(pair.fds[0], rest, sizeof rest, 0) > 0) continue;
  writer.join();
  ::close(pair.fds[1]);
}

TEST(WritingToNobodyIsNoticed) {
  const Pair pair;
  LineSocket socket(pair.fds[0]);
  char got[16] = {};
  CHECK(socket.Write("hello") && ::recv(pair.fds[1], got, sizeof got, 0) == 6 && std::string(got) == "hello\n");
  ::close(pair.fds[1]);
  CHECK(!socket.Write("hello"));
}

}  // namespace
}  // namespace tandem::serving::control
