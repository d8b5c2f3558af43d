// Readers beside a writer that applies updates, loads further bases, ends old ones and reclaims all the while. What a
// row holds is a function of key, base and update, so a reader knows each row that its version must have.
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/tests/check.h"
#include "rows/row_edit.h"
#include "rows/table_set.h"

namespace tandem::serving {
namespace {

constexpr size_t kDim = 16;
constexpr int64_t kKeys = 3000;
constexpr int kBases = 6, kUpdates = 40, kReaders = 3;

float ValueOf(int64_t key, int base, int update) {
  const auto seed = static_cast<uint64_t>(base * 1000 + update);
  return static_cast<float>(1 + KeyedStream(seed, key).Next() % 1000000);
}

// Nine rows of ten are the same in all bases.
float BaseValue(int64_t key, int base) { return ValueOf(key, key % 10 == 0 ? base : 0, 0); }
bool IsRemovedIn(int64_t key, int update) { return (key + update) % 17 == 0; }
bool IsChangedIn(int64_t key, int update) { return !IsRemovedIn(key, update) && (key + update) % 7 == 0; }

// 0: there is no row.
float Expected(int64_t key, int base, int update) {
  if (key >= kKeys) return 0;
  for (; update > 0; --update) {
    if (IsRemovedIn(key, update)) return 0;
    if (IsChangedIn(key, update)) return ValueOf(key, base, update);
  }
  return BaseValue(key, base);
}

struct Published {
  std::shared_ptr<TableSet::LineId> line;
  std::unique_ptr<TableSet::EpochHold> hold;
  int base, update;
};

class Writer {
 public:
  Writer(TableSet* set, RowTable* table, std::atomic<const Published*>* current)
      : set_(set), table_(table), current_(current) {}

  ~Writer() {
    current_->store(nullptr);
    last_.reset();
    retired_.clear();
  }

  void Run() {
    for (int base = 1; base <= kBases; ++base) {
      std::shared_ptr<TableSet::LineId> line;
      while ((line = set_->OpenLine()) == nullptr) Reclaim();
      Load(base, line->line());
      Publish(line, set_->NextEpoch(), base, 0);
      for (int update = 1; update <= kUpdates; ++update) Update(line, base, update);
    }
  }

 private:
  static void Fill(std::vector<float>* values, float value) { values->insert(values->end(), kDim, value); }

  void Load(int base, int line) {
    const uint32_t epoch = set_->NextEpoch();
    for (int64_t from = 0; from < kKeys; from += 500) {
      std::vector<int64_t> keys;
      std::vector<float> values;
      for (int64_t key = from; key < from + 500; ++key) {
        keys.push_back(key);
        Fill(&values, BaseValue(key, base));
      }
      const std::lock_guard<Turn> turn(set_->turn());
      CHECK(table_->Load(line, epoch, keys.data(), values.data(), keys.size()).ok());
    }
  }

  void Update(const std::shared_ptr<TableSet::LineId>& line, int base, int update) {
    std::vector<int64_t> keys, removed;
    std::vector<float> values;
    for (int64_t key = 0; key < kKeys; ++key) {
      if (IsRemovedIn(key, update)) removed.push_back(key);
      if (!IsChangedIn(key, update)) continue;
      keys.push_back(key);
      Fill(&values, ValueOf(key, base, update));
    }
    const uint32_t epoch = set_->NextEpoch();
    {
      const std::lock_guard<Turn> turn(set_->turn());
      RowEdit edit(table_, line->line(), epoch);
      CHECK(edit.Put(keys.data(), values.data(), keys.size()).ok());
      CHECK(edit.Remove(removed.data(), removed.size()).ok());
      if (update % 5 != 0) edit.Commit();  // every fifth is tried, undone and done again
    }
    if (update % 5 == 0) {
      const uint32_t again = set_->NextEpoch();
      const std::lock_guard<Turn> turn(set_->turn());
      RowEdit edit(table_, line->line(), again);
      CHECK(edit.Put(keys.data(), values.data(), keys.size()).ok());
      CHECK(edit.Remove(removed.data(), removed.size()).ok());
      edit.Commit();
      Publish(line, again, base, update);
    } else {
      Publish(line, epoch, base, update);
    }
    Reclaim();
  }

  void Publish(const std::shared_ptr<TableSet::LineId>& line, uint32_t epoch, int base, int update) {
    auto hold = std::make_unique<TableSet::EpochHold>(set_, line->line(), epoch);
    auto next = std::make_unique<Published>(Published{line, std::move(hold), base, update});
    current_->store(next.get());
    if (last_ != nullptr) retired_.emplace_back(set_->readers().Retire(), std::move(last_));
    last_ = std::move(next);
  }

  void Reclaim() {
    while (!retired_.empty() && set_->readers().AllLeft(retired_.front().first)) retired_.pop_front();
    (void)set_->Reclaim();
  }

  TableSet* const set_;
  RowTable* const table_;
  std::atomic<const Published*>* const current_;
  std::unique_ptr<Published> last_;
  std::deque<std::pair<uint64_t, std::unique_ptr<Published>>> retired_;
};

TEST(EveryRowBelongsToTheVersionThatWasPinned) {
  TableSet set(1000000);
  const auto table = set.Obtain("user", kDim);
  std::atomic<const Published*> current{nullptr};
  std::atomic<bool> running{true};
  std::atomic<size_t> wrong{0}, read{0};
  std::vector<std::thread> readers;
  for (int64_t reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&, reader] {
      KeyedStream random(1, reader);
      std::array<int64_t, 100> ids;
      std::array<float, 100 * kDim> out;
      while (running) {
        for (int64_t& id : ids) id = static_cast<int64_t>(random.Next() % (kKeys + 100));
        const Readers::Call call(set.readers());
        const Published* version = current.load();
        if (version == nullptr) continue;
        table->Gather(version->hold->view(), ids.data(), ids.size(), out.data(), kDim);
        for (size_t i = 0; i < out.size(); ++i)
          wrong += out[i] != Expected(ids[i / kDim], version->base, version->update);
        ++read;
      }
    });
  }
  {
    Writer writer(&set, table.get(), &current);
    const auto join = [&] {
      running = false;
      for (std::thread& reader : readers) reader.join();
    };
    try {
      writer.Run();
    } catch (const testing::Failure&) {
      join();
      throw;
    }
    join();
  }
  CHECK(wrong == 0 && read > 0);
  CHECK(set.Reclaim() && table->slots() == 0 && table->keys() == 0);
}

}  // namespace
}  // namespace tandem::serving
