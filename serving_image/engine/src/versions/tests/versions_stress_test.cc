// Batches beside a writer that loads bases, applies updates (every seventh of them not fit), publishes, goes back,
// drops and reclaims. What a version answers is a function of its base and update, so a batch that mixed two would be
// seen.
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "versions/tests/shop.h"

namespace tandem::serving {
namespace {

constexpr int64_t kWords = 200;
constexpr int kReaders = 3;

// Word rows, the user rows and the scale of a version all carry its number: in a mixture they would disagree.
float Code(int64_t base, int64_t update) { return static_cast<float>(base * 100 + update % 100); }

WrittenTensors AllWords(float code) {
  std::vector<int64_t> keys;
  for (int64_t key = 0; key < kWords; ++key) keys.push_back(key);
  return ShopRows("word", keys, std::vector<float>(kWords, code));
}

// Loads bases and applies updates; several may do so at once, each with bases of its own.
class Writer {
 public:
  explicit Writer(Shop* shop) : shop_(shop) {}

  // Most rows of users are the same in all bases, and shared.
  std::unique_ptr<Line> Loaded(int64_t base) {
    auto parts = Shop::Parts();
    parts["rows-user.safetensors"] = ShopRows("user", {1, 2, 3}, {static_cast<float>(base), 2, 3});
    parts["rows-word.safetensors"] = AllWords(Code(base, 0));
    parts["weights.safetensors"] = ShopWeights(Code(base, 0));
    const BaseFolder folder = shop_->WriteBase(base, parts);
    while (true) {
      std::unique_ptr<Line> line;
      std::string report;
      const Outcome outcome = Line::Load(&shop_->tables, folder, Shop::OpenDense, [] { return true; }, &line, &report);
      if (outcome.ok()) return line;
      testing::Check(outcome.kind() == Outcome::Kind::kNoRoom, outcome.why().c_str(), __FILE__, __LINE__);
      (void)shop_->versions.Reclaim();
    }
  }

  // Every seventh update is not fit: it is refused, and its number passed over.
  void Update(Line* line, int64_t update) {
    const float code = Code(line->base(), update);
    const bool fit = update % 7 != 0;
    const auto tensors = Joined(AllWords(code), ShopWeights(code, fit ? 1 : -1));
    const Outcome outcome = line->Apply(shop_->WriteUpdate(line->base(), update, tensors, update % 5 == 0));
    testing::Check(outcome.ok() == fit, outcome.why().c_str(), __FILE__, __LINE__);
  }

  // One base after the other, as a pod does: updates, now and then back to the base before, which then goes.
  void Swap(int64_t from, int64_t to) {
    std::unique_ptr<Line> stable;
    for (int64_t base = from; base <= to; ++base) {
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

  // A base that lives all the while, so that what another writer publishes is soon answered from no more.
  void Stay(int64_t base, const std::atomic<bool>& running) {
    const auto line = Loaded(base);
    for (int64_t update = 1; running; ++update) {
      Update(line.get(), update);
      shop_->versions.Publish(line->newest());
    }
  }

  // Bases that come and go beside it.
  void Visit(int64_t from, int64_t to) {
    for (int64_t base = from; base <= to; ++base) {
      auto line = Loaded(base);
      for (int64_t update = 1; update <= 6; ++update) {
        Update(line.get(), update);
        shop_->versions.Publish(line->newest());
      }
      while (!shop_->versions.Drop(base).ok()) std::this_thread::yield();
    }
  }

 private:
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

// Answers from the shop until it ends; in the end nothing may have been wrong.
class Batches {
 public:
  explicit Batches(Shop* shop) {
    for (int reader = 0; reader < kReaders; ++reader) {
      threads_.emplace_back([this, shop, by_number = reader == 0] { Run(shop->versions, by_number); });
    }
  }

  ~Batches() {
    running_ = false;
    for (std::thread& thread : threads_) thread.join();
  }

  size_t wrong() const { return wrong_; }

  // Waits for some answers.
  void Answer(size_t more) {
    for (const size_t target = answered_ + more; answered_ < target;) std::this_thread::yield();
  }

 private:
  // One asks by number for what it saw before, which may be gone.
  void Run(const Versions& versions, bool by_number) {
    const FakeDense dense({2, 2, 3}, 2);
    const auto scratch = dense.NewScratch();
    int64_t earlier = 0;
    while (running_) {
      if (by_number && earlier != 0) {
        const Versions::Pin pin(versions, earlier);
        if (pin) wrong_ += pin->id().number() != earlier || !IsWhole(*pin, scratch.get());
      }
      const Versions::Pin pin(versions);
      if (!pin) continue;
      wrong_ += !IsWhole(*pin, scratch.get());
      earlier = pin->id().number();
      ++answered_;
    }
  }

  std::atomic<bool> running_{true};
  std::atomic<size_t> wrong_{0}, answered_{0};
  std::vector<std::thread> threads_;
};

TEST(EveryBatchIsOfOneVersion) {
  Shop shop;
  Batches batches(&shop);
  Writer(&shop).Swap(1, 5);
  batches.Answer(10);
  CHECK(batches.wrong() == 0);
}

TEST(BasesComeAndGoWhileAnotherIsUpdated) {
  Shop shop;
  Batches batches(&shop);
  std::atomic<bool> running{true};
  std::atomic<int> failed{0};
  const auto beside = [&](const std::function<void()>& run) {
    return std::thread([&failed, run] {
      try {
        run();
      } catch (const testing::Failure& failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        ++failed;
      }
    });
  };
  std::thread staying = beside([&] { Writer(&shop).Stay(1, running); });
  std::thread reclaiming = beside([&] {
    while (running) (void)shop.versions.Reclaim();
  });
  std::thread visiting = beside([&] { Writer(&shop).Visit(2, 9); });
  visiting.join();
  running = false;
  staying.join();
  reclaiming.join();
  batches.Answer(10);
  CHECK(failed == 0 && batches.wrong() == 0);
  while (!shop.versions.Reclaim()) continue;
}

}  // namespace
}  // namespace tandem::serving
