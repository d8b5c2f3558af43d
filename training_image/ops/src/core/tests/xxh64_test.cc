#include "core/xxh64.h"

#include <string>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

// Made by the reference implementation (Python's xxhash 3), seed 0; the lengths pass every branch.
TEST(Xxh64MatchesTheReferenceForEveryTail) {
  struct Golden {
    size_t size;
    uint64_t hash;
  };
  const std::vector<Golden> golden = {
      {0, 0xEF46DB3751D8E999ULL},  {1, 0x8A4127811B21E730ULL},   {3, 0x706BA42A2C9708B5ULL},
      {4, 0xAB7017C45B9D7F8EULL},  {5, 0x3CE701D0A1A49CF9ULL},   {7, 0x867016365A073839ULL},
      {8, 0xCF1A70C2B59D51C7ULL},  {11, 0xD65855FC994AA842ULL},  {12, 0x3200B8EEBBF225ADULL},
      {15, 0xA41E3CD15D72FDCCULL}, {16, 0xAED08B4B483F8FE9ULL},  {31, 0x1A64D6E3A15B1857ULL},
      {32, 0x9E097EEB3867C631ULL}, {33, 0x38C61181C1B3C4DCULL},  {36, 0x5F488507625E6A4AULL},
      {40, 0xCAA107294E7D35F2ULL}, {47, 0x1DACA1397E9BD565ULL},  {63, 0x581606FE115679C2ULL},
      {64, 0x065AD9878895D4EAULL}, {65, 0xFBD29338D430DBD7ULL},  {72, 0xF1C430D9CE7B1CC7ULL},
      {77, 0x514995812B39138CULL}, {100, 0x522912CCF04E3D43ULL}, {101, 0xFADDA2E3273C7E18ULL},
  };
  std::string input;
  for (int i = 0; i < 101; ++i) input.push_back(static_cast<char>(i * 37 + 1));
  for (const Golden& g : golden) CHECK(Xxh64(input.data(), g.size) == g.hash);
}

TEST(Xxh64ReadsFromAnyAlignment) {
  const std::string text = "the same bytes wherever they begin, more than one stripe of them";
  const uint64_t expected = Xxh64(text.data(), text.size());
  for (size_t shift = 0; shift < 8; ++shift) {
    const std::string moved = std::string(shift, 'x') + text;
    CHECK(Xxh64(moved.data() + shift, text.size()) == expected);
  }
}

TEST(Xxh64OfNothingTakesANullPointer) { CHECK(Xxh64(nullptr, 0) == 0xEF46DB3751D8E999ULL); }

}  // namespace
}  // namespace tandem
