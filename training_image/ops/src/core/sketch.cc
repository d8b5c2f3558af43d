#include "core/sketch.h"

#include <algorithm>
#include <new>

namespace tandem {
namespace {

constexpr int kCountShift = 32, kFingerprintShift = 52;

uint64_t Entry(uint64_t fingerprint, uint32_t count, uint32_t first_seen) {
  return fingerprint << kFingerprintShift | static_cast<uint64_t>(count) << kCountShift | first_seen;
}

uint32_t CountOf(uint64_t entry) { return static_cast<uint32_t>(entry >> kCountShift) & Sketch::kMostCount; }
uint32_t FirstSeenOf(uint64_t entry) { return static_cast<uint32_t>(entry); }
uint32_t AgeOf(uint64_t entry, uint32_t time) {
  const uint32_t first = FirstSeenOf(entry);
  return time > first ? time - first : 0;
}

// The entry of a fingerprint in a line, or kLine.
size_t Find(const uint64_t* line, uint64_t fingerprint) {
  unsigned found = 0;
  for (size_t i = 0; i < Sketch::kLine; ++i) {
    found |= static_cast<unsigned>((line[i] >> kFingerprintShift) == fingerprint && line[i] != 0) << i;
  }
  return found != 0 ? static_cast<size_t>(__builtin_ctz(found)) : Sketch::kLine;
}

// An empty entry, or else the one of the lowest rate (count - 1/2) / (age + 1); of equals the first.
size_t Victim(const uint64_t* line, uint32_t time) {
  size_t least = 0;
  for (size_t i = 0; i < Sketch::kLine; ++i) {
    if (line[i] == 0) return i;
    const uint64_t count = 2 * CountOf(line[i]) - 1, age = uint64_t{AgeOf(line[i], time)} + 1;
    const uint64_t least_count = 2 * CountOf(line[least]) - 1, least_age = uint64_t{AgeOf(line[least], time)} + 1;
    if (count * least_age < least_count * age) least = i;
  }
  return least;
}

}  // namespace

Sketch::Sketch(size_t most_bytes, int stripes)
    : stripes_(static_cast<size_t>(stripes)),
      stripe_words_(most_bytes == 0 ? 0 : std::max<size_t>(1, most_bytes / 64 / stripes_) * kLine) {
  if (stripe_words_ == 0) return;
  memory_.reset(std::calloc(bytes(), 1));
  if (memory_ == nullptr) throw std::bad_alloc();
  const auto at = reinterpret_cast<uintptr_t>(memory_.get());
  lines_ = reinterpret_cast<uint64_t*>((at + 63) / 64 * 64);
}

Sketch::Seen Sketch::Count(int stripe, int64_t key, uint32_t time, uint32_t memory) {
  const uint64_t hash = Hash(key), fingerprint = hash & 0xFFF;
  uint64_t* line = LineOf(stripe, hash);
  uint32_t past = 0, first_seen = time;
  size_t at = Find(line, fingerprint);
  if (at == kLine) {
    at = Victim(line, time);
  } else {
    past = CountOf(line[at]);
    first_seen = FirstSeenOf(line[at]);
    const uint32_t age = AgeOf(line[at], time);
    if (memory != 0 && age > memory) {
      // The first occurrence opened the time that is counted, so it is not part of the rate.
      const uint64_t kept = uint64_t{past - 1} * memory / age;
      past = kept == 0 ? 0 : static_cast<uint32_t>(kept) + 1;
      first_seen = kept == 0 ? time : time - memory;
    }
  }
  const uint32_t count = std::min(past + 1, kMostCount);
  line[at] = Entry(fingerprint, count, first_seen);
  return {count, first_seen, &line[at]};
}

void Sketch::Forget(int stripe, int64_t key) {
  if (stripe_words_ == 0) return;
  const uint64_t hash = Hash(key);
  uint64_t* line = LineOf(stripe, hash);
  const size_t at = Find(line, hash & 0xFFF);
  if (at != kLine) line[at] = 0;
}

}  // namespace tandem
