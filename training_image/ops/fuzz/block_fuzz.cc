// The block reader under any bytes. README: training_image/ops/fuzz/README.md.
//
// Built by clang with -fsanitize=fuzzer and -DTANDEM_LIBFUZZER it is a libFuzzer target. Built by any compiler it is a
// program: `tandem_block_fuzz CORPUS [EXECUTIONS] [SEED]` replays the files of a folder, then damages them EXECUTIONS
// times. Both abort when the reader breaks its promise.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/tests/block_target.h"
#include "core/tests/mutations.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  tandem::testing::TryBlock(bytes, size);
  return 0;
}

#ifndef TANDEM_LIBFUZZER
namespace {

bool Try(const std::string& bytes) {
  return tandem::testing::TryBlock(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: tandem_block_fuzz CORPUS [EXECUTIONS] [SEED]\n");
    return 2;
  }
  const long executions = argc > 2 ? std::atol(argv[2]) : 0;
  tandem::testing::Mutations mutations(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  std::vector<std::string> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no file\n", argv[1]);
    return 2;
  }
  size_t blocks = 0;
  long accepted = 0;
  for (const std::string& bytes : corpus) blocks += Try(bytes);
  for (long i = 0; i < executions; ++i) accepted += Try(mutations.Next(corpus[i % corpus.size()]));
  std::printf("%zu files, %zu of them blocks; %ld damaged ones, %ld of them still blocks\n", corpus.size(), blocks,
              executions, accepted);
  return blocks == 0 ? 1 : 0;
}
#endif
