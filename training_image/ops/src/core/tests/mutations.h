// Small damages to bytes, one after another from a seed: what a fuzzer without feedback does.
//
// Memory:  strings; at most kMost bytes longer than what it began with.
// Threads: one object, one thread.
#pragma once

#include <cstdint>
#include <string>

namespace tandem::testing {

class Mutations {
 public:
  explicit Mutations(uint64_t seed) : state_(seed) {}

  // The text with one to four damages, some of them aimed at numbers and structure.
  std::string Next(std::string text) {
    for (uint64_t times = 1 + Below(4); times > 0; --times) text = Damage(std::move(text));
    return text;
  }

 private:
  uint64_t Draw() {  // splitmix64
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  uint64_t Below(uint64_t n) { return n == 0 ? 0 : Draw() % n; }

  std::string Damage(std::string text) {
    constexpr char kAlphabet[] = "{}[]:,\"\\0123456789 aIFU\0\xff";
    constexpr size_t kMost = 64;
    const size_t at = Below(text.size());
    const size_t size = Below(kMost);
    switch (Below(8)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1u << Below(8)));
        break;
      case 1:
        if (!text.empty()) text[at] = static_cast<char>(Draw());
        break;
      case 2:
        if (!text.empty()) text[at] = kAlphabet[Below(sizeof kAlphabet)];
        break;
      case 3:
        text.insert(at, 1 + Below(8), kAlphabet[Below(sizeof kAlphabet)]);
        break;
      case 4:
        text.erase(at, 1 + Below(8));
        break;
      case 5:
        text.insert(Below(text.size()), text.substr(at, size));
        break;
      case 6:
        text.resize(at);
        break;
      default: {  // a digit somewhere behind becomes another
        const size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) text[digit] = static_cast<char>('0' + Below(10));
      }
    }
    return text;
  }

  uint64_t state_;
};

}  // namespace tandem::testing
