// The smallest test runner that will do: TEST registers, CHECK stops a test and
// says where.
//
// Memory:  a list of {name, function}, filled before main.
// Threads: CHECK throws, so it belongs on the test's own thread; other threads
// report through atomics.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace tandem::testing {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

struct Register {
  Register(const char* name, void (*run)()) { Tests().push_back({name, run}); }
};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void Check(bool holds, const char* what, const char* file, int line) {
  if (!holds) throw Failure(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

}  // namespace tandem::testing

#define TEST(name)                                                       \
  static void name();                                                    \
  static const ::tandem::testing::Register register_##name(#name, name); \
  static void name()

#define CHECK(condition) ::tandem::testing::Check((condition), #condition, __FILE__, __LINE__)
