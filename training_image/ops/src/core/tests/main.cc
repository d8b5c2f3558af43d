// Runs every registered test; exits 1 if one failed.
#include <cstdio>
#include <exception>

#include "core/tests/check.h"

int main() {
  int failed = 0;
  for (const auto& test : tandem::testing::Tests()) {
    try {
      test.run();
      std::printf("passed  %s\n", test.name);
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAILED  %s: %s\n", test.name, error.what());
    }
  }
  std::printf("%zu tests, %d failed\n", tandem::testing::Tests().size(), failed);
  return failed == 0 ? 0 : 1;
}
