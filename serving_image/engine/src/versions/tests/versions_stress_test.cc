// Batches beside a writer that loads bases, applies updates (every seventh of them not fit), publishes, goes back,
// drops and reclaims. What a version answers is a function of its base and update, so a batch that mixed two would be
// seen.
#include <atomic>
#include <thread>

#include "versions/tests/shop.h"

namespace tandem::serving {
namespace {

constexpr int64_t kWords = 200;
constexpr int kReaders = 3;

// Word rows, the user rows and the scale of a version all carry its number: in a mixture they would disagree.
float Code(int64_t base, int64_t update) { return static_cast<float>(base * 100 + update); }

WrittenTensors AllWords(float code) {
  std::vector<int64_t> keys;
  for (int64_t key = 0; key < kWords; ++key) keys.push_back(key);
  return ShopRows("word", keys, std::vector<float>(kWords, code));
}

class Writer {
 public:
  explicit Writer(Shop* shop) : shop_(shop) {}

  void Run() {
    std::unique_ptr<Line> stable;
    for (int64_t base = 1; base <= 5; ++base) {
      auto line = Loaded(base);
      shop_->versions.Publish(line->newest());
      for (int64_t update = 1; update <= 21; ++update) {
        Update(line.get(), update);
        if (update % 10 == 0 && stable != nullptr) shop_->versions.Publish(stable->newest());
        shop_->versions.Publish(line->newest());
        (void)shop_->versions.Reclaim();
      }
      if (stable != nullptr) CHECK(shop_->versions.Drop(stable->base()).ok());
      stable = std::move(line);
    }
  }

 private:
  // Most rows of users are the same in all bases, and shared.
  std::unique_ptr<Line> Loaded(int64_t base) {
    auto parts = Shop::Parts();
    parts["rows-user.safetensors"] = ShopRows("user", {1, 2, 3}, {static_cast<float>(base), 2, 3});
    parts["rows-word.safetensors"] = AllWords(Code(base, 0));
    parts["weights.safetensors"] = ShopWeights(Code(base, 0));
    while (true) {
      std::unique_ptr<Line> line;
      const Outcome outcome = shop_->Load(shop_->WriteBase(base, parts), &line);
      if (outcome.ok()) return line;
      CHECK(outcome.kind() == Outcome::Kind::kNoRoom);
      (void)shop_->versions.Reclaim();
    }
  }

  void Update(Line* line, int64_t update) {
    const float code = Code(line->base(), update);
    const bool fit = update % 7 != 0;
    const auto tensors = Joined(AllWords(code), ShopWeights(code, fit ? 1 : -1));
    const Outcome outcome = line->Apply(shop_->WriteUpdate(line->base(), update, tensors, update % 5 == 0));
    testing::Check(outcome.ok() == fit, outcome.why().c_str(), __FILE__, __LINE__);
  }

  Shop* const shop_;
};

// What is wrong with a version's rows and weights, as seen in one batch.
bool IsWhole(const Version& version, DenseScratch* scratch) {
  const VersionId id = version.id();
  const float code = Code(id.base, id.update);
  const FeatureRoom* rooms = scratch->Room(4);
  const int64_t users[] = {1, 2, 3, 9};
  int64_t words[12];
  for (int64_t& word : words) word = (id.update * 31 + (&word - words) * 17) % kWords;
  std::fill_n(rooms[0].data, 8, 0.0F);
  FillFeature(version, version.spec().inputs[0], users, nullptr, 4, rooms[1]);
  FillFeature(version, version.spec().inputs[1], words, nullptr, 4, rooms[2]);
  float ctr[4], cvr[4];
  float* outputs[] = {ctr, cvr};
  if (!version.dense().Run(version.weights(), scratch, 4, outputs).ok()) return false;
  const float user[] = {static_cast<float>(id.base), 2, 3, 0};
  bool whole = true;
  for (size_t i = 0; i < 4; ++i) {
    whole = whole && ctr[i] == (2 * user[i] + 3 * code) * code && cvr[i] == 2 * ctr[i];
  }
  return whole;
}

TEST(EveryBatchIsOfOneVersion) {
  Shop shop;
  std::atomic<bool> running{true};
  std::atomic<size_t> wrong{0}, answered{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&, reader] {
      const FakeDense dense({2, 2, 3}, 2);
      const auto scratch = dense.NewScratch();
      int64_t earlier = 0;
      while (running) {
        if (reader == 0 && earlier != 0) {  // one asks by number for what it saw before, which may be gone
          const Versions::Pin pin(shop.versions, earlier);
          if (pin) wrong += pin->id().number() != earlier || !IsWhole(*pin, scratch.get());
        }
        const Versions::Pin pin(shop.versions);
        if (!pin) continue;
        wrong += !IsWhole(*pin, scratch.get());
        earlier = pin->id().number();
        ++answered;
      }
    });
  }
  const auto join = [&] {
    running = false;
    for (std::thread& reader : readers) reader.join();
  };
  try {
    Writer(&shop).Run();
  } catch (const testing::Failure&) {
    join();
    throw;
  }
  join();
  CHECK(wrong == 0 && answered > 0);
}

}  // namespace
}  // namespace tandem::serving
