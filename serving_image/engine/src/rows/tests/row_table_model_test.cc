// Random lives of a table against a std::map per version: loads, updates, undone updates, removals, keyframes, versions
// that are let go in any order, lines that end, and reclaiming at any moment.
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/tests/check.h"
#include "rows/row_edit.h"
#include "rows/table_set.h"

namespace tandem::serving {
namespace {

constexpr size_t kDim = 3;
constexpr int64_t kKeys = 60;

using Rows = std::map<int64_t, float>;

struct Held {
  std::unique_ptr<TableSet::EpochHold> hold;
  Rows rows;
};

struct ModelLine {
  std::unique_ptr<TableSet::LineId> id;
  std::vector<Held> versions;  // the newest last; never empty
};

class Life {
 public:
  explicit Life(uint32_t seed) : random_(seed), table_(set_.Obtain("user", kDim)) {}

  void Step() {
    const uint32_t what = Below(20);
    if (what == 0) return Load();
    if (lines_.empty()) return;
    ModelLine& line = lines_[Below(static_cast<uint32_t>(lines_.size()))];
    if (what < 12) return Edit(&line);
    if (what < 15) return LetGo(&line);
    if (what == 15) return End();
    if (what < 18) (void)set_.Reclaim();
    if (what == 18) Check();
  }

  // Every version sees exactly its rows.
  void Check() {
    for (const ModelLine& line : lines_) {
      for (const Held& held : line.versions) CheckVersion(held);
      CHECK(table_->rows(line.id->line()) == line.versions.back().rows.size());
    }
  }

  void Finish() {
    Check();
    lines_.clear();
    CHECK(set_.Reclaim() && table_->slots() == 0 && table_->keys() == 0);
  }

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  // Few different values, so that lines come to share rows.
  Rows Some(uint32_t share) {
    Rows rows;
    for (int64_t key = 0; key < kKeys; ++key) {
      if (Below(100) < share) rows[key] = static_cast<float>(Below(3)) - 1;
    }
    return rows;
  }

  static void Columns(const Rows& rows, std::vector<int64_t>* keys, std::vector<float>* values) {
    for (const auto& [key, value] : rows) {
      keys->push_back(key);
      for (size_t i = 0; i < kDim; ++i) values->push_back(value + static_cast<float>(i * 10));
    }
  }

  void Load() {
    auto id = set_.OpenLine();
    if (id == nullptr) return;
    const Rows rows = Some(80);
    std::vector<int64_t> keys;
    std::vector<float> values;
    Columns(rows, &keys, &values);
    const uint32_t begun = set_.NextEpoch();
    const size_t half = keys.size() / 2;
    CHECK(table_->Load(id->line(), begun, keys.data(), values.data(), half).ok());
    if (!lines_.empty()) Edit(&lines_.front());  // another line goes on meanwhile
    if (Below(2) == 0) (void)set_.Reclaim();
    if (Below(8) == 0) return;  // called off
    const float* behind = values.data() + half * kDim;
    CHECK(table_->Load(id->line(), begun, keys.data() + half, behind, keys.size() - half).ok());
    auto hold = std::make_unique<TableSet::EpochHold>(&set_, id->line(), set_.NextEpoch());
    ModelLine line;
    line.id = std::move(id);
    line.versions.push_back({std::move(hold), rows});
    lines_.push_back(std::move(line));
  }

  void Edit(ModelLine* line) {
    const uint32_t epoch = set_.NextEpoch();
    RowEdit edit(table_.get(), line->id->line(), epoch);
    Rows after = line->versions.back().rows;
    const bool keyframe = Below(5) == 0;
    const Rows changes = Some(keyframe ? 70 : 15);
    std::vector<int64_t> keys, removed;
    std::vector<float> values;
    Columns(changes, &keys, &values);
    CHECK(edit.Put(keys.data(), values.data(), keys.size()).ok());
    if (keyframe) {
      CHECK(edit.RemoveAllBut(keys.data(), keys.size()).ok());
      after = changes;
    } else {
      for (const auto& [key, value] : changes) after[key] = value;
      for (const auto& [key, value] : Some(10)) {
        if (changes.count(key) == 0) removed.push_back(key);
      }
      CHECK(edit.Remove(removed.data(), removed.size()).ok());
      for (const int64_t key : removed) after.erase(key);
    }
    if (Below(4) == 0) return;  // the probe did not like it
    edit.Commit();
    line->versions.push_back({std::make_unique<TableSet::EpochHold>(&set_, line->id->line(), epoch), after});
  }

  // Any version but the newest, not only the oldest.
  void LetGo(ModelLine* line) {
    if (line->versions.size() < 2) return;
    line->versions.erase(line->versions.begin() + Below(static_cast<uint32_t>(line->versions.size()) - 1));
  }

  void End() { lines_.erase(lines_.begin() + Below(static_cast<uint32_t>(lines_.size()))); }

  void CheckVersion(const Held& held) {
    std::vector<int64_t> ids;
    for (int64_t key = -2; key < kKeys + 2; ++key) ids.push_back(key);
    std::vector<float> out(ids.size() * kDim, -99);
    table_->Gather(held.hold->view(), ids.data(), ids.size(), out.data(), kDim);
    for (size_t i = 0; i < out.size(); ++i) {
      const auto row = held.rows.find(ids[i / kDim]);
      CHECK(out[i] == (row == held.rows.end() ? 0 : row->second + static_cast<float>(i % kDim * 10)));
    }
    Rows visited;
    table_->ForEach(held.hold->view(),
                    [&](int64_t key, const float* row) { return visited.emplace(key, *row).second; });
    CHECK(visited == held.rows);
  }

  std::mt19937 random_;
  TableSet set_{2000};
  const std::shared_ptr<RowTable> table_;
  std::vector<ModelLine> lines_;
};

TEST(ATableIsAMapPerVersionWhateverItsLife) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    Life life(seed);
    for (int step = 0; step < 400; ++step) life.Step();
    life.Finish();
  }
}

}  // namespace
}  // namespace tandem::serving
