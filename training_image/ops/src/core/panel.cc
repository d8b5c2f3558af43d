#include "core/panel.h"

#include <algorithm>

#include "core/random.h"

namespace tandem {
namespace {

constexpr uint64_t kSampling = 0xE7037ED1A0B428DBULL;  // apart from all other draws of the same seed

uint32_t Since(uint32_t from, uint32_t to) { return to > from ? to - from : 0; }

}  // namespace

Panel::Panel() {
  for (int i = 0; i < kPlaces; ++i) {
    Put(keys_[i], 0);
    Put(times_[i], kEmpty);
    Put(facts_[i], 0);
  }
}

int Panel::Join(int64_t key, uint32_t time, uint32_t unseen, uint32_t horizon, uint64_t seed) {
  if (births_ == 0) aged_at_ = time;
  if (horizon != 0 && time >= aged_at_ + horizon) {
    births_ /= 2;
    aged_at_ = time;
  }
  const uint64_t odds = std::min<uint64_t>(++births_, 1ULL << 31);
  int place = 0;
  while (place < kPlaces && Get(times_[place]) != kEmpty) ++place;
  if (place == kPlaces) {
    const uint64_t drawn = (KeyedStream(seed ^ kSampling, key).Next() >> 32) * odds >> 32;
    if (drawn >= kPlaces) return kNone;
    place = static_cast<int>(drawn);
  }
  Put(keys_[place], static_cast<uint64_t>(key));
  Put(times_[place], static_cast<uint64_t>(time) << 32 | kWatched);
  Put(facts_[place], static_cast<uint64_t>(unseen) << 32);
  return place;
}

void Panel::Repeat(int member, uint32_t time, uint32_t horizon) {
  const uint64_t times = Get(times_[member]);
  if (static_cast<uint32_t>(times) != kWatched) return;
  if (horizon != 0 && Since(static_cast<uint32_t>(times >> 32), time) > horizon) return;
  const uint64_t facts = Get(facts_[member]);
  if (static_cast<uint32_t>(facts) != ~uint32_t{0}) Put(facts_[member], facts + 1);
}

void Panel::Leave(int member, uint32_t time) {
  const uint64_t times = Get(times_[member]);
  if (static_cast<uint32_t>(times) == kWatched) Put(times_[member], (times >> 32 << 32) | time);
}

void Panel::Forget(int64_t key) {
  const int member = Member(key);
  if (member == kNone) return;
  Put(times_[member], kEmpty);
  Put(keys_[member], 0);
  Put(facts_[member], 0);
}

void Panel::Read(uint32_t now, uint32_t horizon, std::vector<Watched>* out) const {
  for (int i = 0; i < kPlaces; ++i) {
    const uint64_t times = Get(times_[i]), facts = Get(facts_[i]);
    if (times == kEmpty) continue;
    uint32_t elapsed = Since(static_cast<uint32_t>(times >> 32), std::min(static_cast<uint32_t>(times), now));
    if (horizon != 0) elapsed = std::min(elapsed, horizon);
    out->push_back({static_cast<double>(facts >> 32), static_cast<double>(elapsed), static_cast<uint32_t>(facts)});
  }
}

void Panel::Save(uint64_t* out) const {
  for (const Word* words : {keys_, times_, facts_}) {
    for (int i = 0; i < kPlaces; ++i) *out++ = Get(words[i]);
  }
  *out++ = births_;
  *out++ = aged_at_;
}

void Panel::Load(const uint64_t* words) {
  for (Word* to : {keys_, times_, facts_}) {
    for (int i = 0; i < kPlaces; ++i) Put(to[i], *words++);
  }
  births_ = std::min<uint64_t>(*words++, 1ULL << 31);
  aged_at_ = static_cast<uint32_t>(*words++);
}

}  // namespace tandem
