#include "core/table.h"

#include <xmmintrin.h>

#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

using Keys = std::vector<int64_t>;

constexpr int kDim = 3;

TableOptions Options() {
  TableOptions options;
  options.dim = kDim;
  options.seed = 1;
  options.initializer = {InitializerKind::kUniform, 0.05f};
  options.optimizer.kind = OptimizerKind::kAdagrad;
  options.optimizer.initial_accumulator = 0.1;
  options.optimizer.epsilon = 1e-7;
  return options;
}

struct Found {
  std::vector<float> values;
  Keys handles;
};

Found Lookup(Table& table, const Keys& ids, uint32_t event_time = 0) {
  Found found{std::vector<float>(ids.size() * kDim), Keys(ids.size())};
  CHECK(table.Lookup(ids.data(), ids.size(), event_time, found.values.data(), found.handles.data()).ok());
  return found;
}

std::vector<float> Peek(const Table& table, const Keys& ids) {
  std::vector<float> values(ids.size() * kDim);
  table.Peek(ids.data(), ids.size(), values.data());
  return values;
}

Status Apply(Table& table, const Keys& handles, const std::vector<float>& grads, float rate = 0.1f) {
  return table.Apply(handles.data(), handles.size(), grads.data(), rate);
}

Rows Snapshot(Table& table) {
  SortedRows rows;
  CHECK(table.Snapshot(&rows).ok());
  return rows.Copy();
}

struct Changed {
  int64_t epoch;
  Rows rows;
  Keys removed;
};

Changed BeginDelta(Table& table) {
  Delta delta;
  CHECK(table.BeginDelta(0, &delta).ok());
  return {delta.epoch, delta.rows.Copy(), delta.removed};
}

RowsView View(const Rows& rows) {
  return {rows.keys.size(),  rows.keys.data(),  rows.values.data(),
          rows.slots.data(), rows.steps.data(), rows.seen.data()};
}

bool Same(const Rows& a, const Rows& b) {
  return a.keys == b.keys && a.values == b.values && a.slots == b.slots && a.steps == b.steps && a.seen == b.seen;
}

bool Mentions(const Status& status, const std::string& words) { return status.why().find(words) != std::string::npos; }

TEST(LookupMakesRowsAndPeekDoesNot) {
  Table table(Options());
  CHECK(Peek(table, {5}) == std::vector<float>(kDim, 0.0f));
  CHECK(table.Size() == 0);
  const Found found = Lookup(table, {5, 9, 5});
  CHECK(table.Size() == 2);
  CHECK(found.handles[0] == found.handles[2] && found.handles[0] != found.handles[1]);
  CHECK(Peek(table, {5, 9, 5}) == found.values);
  CHECK(table.Keys() == Keys({5, 9}));
}

// As many small calls do, a large one uses what the index's stripes leave while they grow, and gives the rest back.
TEST(ACallThatMakesManyRowsUsesWhatStripesLeave) {
  const auto reserved = [](size_t ids_per_call) {
    Table table(Options());
    for (int64_t id = 0; id < 1 << 20;) {
      Keys ids(ids_per_call);
      std::iota(ids.begin(), ids.end(), id);
      Lookup(table, ids);
      id += static_cast<int64_t>(ids_per_call);
    }
    return table.Stats().bytes_reserved;
  };
  // Kept until the call ends, what they leave comes to 33 MB; pages that were made ready ahead may differ by some.
  CHECK(reserved(1 << 18) < reserved(1 << 12) + (size_t{12} << 20));
}

TEST(DuplicatesAreSummedInOrderAndSteppedOnce) {
  Table twice(Options()), once(Options());
  const Found a = Lookup(twice, {1, 2, 1, 1}), b = Lookup(once, {1, 2});
  // 1 + 1e8 - 1e8 is 0 in float32 in this order, and 1 in the opposite one.
  CHECK(Apply(twice, a.handles, {1, 1, 0, 5, 5, 5, 2, 1e8f, 1, 0, -1e8f, 0}).ok());
  CHECK(Apply(once, b.handles, {3, 0, 1, 5, 5, 5}).ok());
  CHECK(Same(Snapshot(twice), Snapshot(once)));
  CHECK(Snapshot(twice).steps == Keys({1, 1}));
}

TEST(ApplyRefusesStaleAndForeignHandlesAndChangesNothing) {
  Table table(Options()), other(Options());
  const Keys handles = Lookup(table, {1, 2}).handles;
  const Keys foreign = Lookup(other, {1, 2}).handles;
  const Rows before = Snapshot(table);
  const std::vector<float> grads(2 * kDim, 1.0f);
  CHECK(Mentions(Apply(table, foreign, grads), "handles[0]"));
  CHECK(!Apply(table, {handles[0], 123456789}, grads).ok());
  CHECK(!Apply(table, {std::numeric_limits<int64_t>::max(), handles[1]}, grads).ok());
  CHECK(Same(Snapshot(table), before));
  const Keys two = {2};
  CHECK(table.Remove(two.data(), 1) == 1);
  CHECK(Mentions(Apply(table, handles, grads), "handles[1]"));
  const Keys reused = Lookup(table, {3}).handles;  // takes the freed place
  CHECK(static_cast<uint32_t>(reused[0]) == static_cast<uint32_t>(handles[1]));
  CHECK(!Apply(table, handles, grads).ok());
  CHECK(Apply(table, {handles[0], reused[0]}, grads).ok());
}

TEST(ApplyPassesOverNoHandle) {
  Table table(Options());
  const Keys handles = Lookup(table, {1}).handles;
  CHECK(Apply(table, {kNoHandle, handles[0]}, {9, 9, 9, 0, 0, 0}).ok());
  CHECK(Snapshot(table).steps == Keys({1}));
}

TEST(ApplyRefusesWhatIsNotFinite) {
  Table table(Options());
  const Keys handles = Lookup(table, {1, 2}).handles;
  const Rows before = Snapshot(table);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(Mentions(Apply(table, handles, {0, 0, 0, 0, nan, 0}), "grads[1]"));
  CHECK(Mentions(Apply(table, handles, {0, 0, 0, 0, 0, 0}, nan), "learning_rate"));
  CHECK(Same(Snapshot(table), before));
}

TEST(TheCallersFloatingPointModeDoesNotMatter) {
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  Table plain(Options()), flushed(Options());
  const std::vector<float> tiny(kDim, 1e-20f);  // its square is denormal
  CHECK(plain.Restore(View({{1}, {0, 0, 0}, {0, 0, 0}, {0}, {0}})).ok());
  CHECK(flushed.Restore(View(Snapshot(plain))).ok());
  CHECK(Apply(plain, Lookup(plain, {1}).handles, tiny).ok());
  const Keys handles = Lookup(flushed, {1}).handles;
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | kFlushToZero | kDenormalsAreZero);
  const bool applied = Apply(flushed, handles, tiny).ok();
  const bool kept = _mm_getcsr() == (mode | kFlushToZero | kDenormalsAreZero);
  _mm_setcsr(mode);
  CHECK(applied && kept);
  CHECK(Snapshot(plain).slots[0] > 0);
  CHECK(Same(Snapshot(plain), Snapshot(flushed)));
}

TEST(RowsAreTheSameInAnyOrderOfBirthAndAfterRebirth) {
  Table forward(Options()), backward(Options());
  Keys ids, reversed;
  for (int64_t id = 0; id < 5000; ++id) ids.push_back(id * id - 1000);
  reversed.assign(ids.rbegin(), ids.rend());
  Lookup(forward, ids);
  Lookup(backward, reversed);
  CHECK(Same(Snapshot(forward), Snapshot(backward)));
  CHECK(backward.Remove(ids.data(), 700) == 700);
  Lookup(backward, ids);
  CHECK(Same(Snapshot(forward), Snapshot(backward)));
}

TEST(SeenKeepsTheGreatestEventTime) {
  Table table(Options());
  Lookup(table, {1, 2}, 50);
  Lookup(table, {1}, 70);
  Lookup(table, {1}, 60);
  CHECK(Snapshot(table).seen == Keys({70, 50}));
}

TEST(SnapshotsRestoreExactly) {
  Table table(Options()), copy(Options());
  CHECK(Apply(table, Lookup(table, {4, -4, 400}, 9).handles, std::vector<float>(3 * kDim, 0.5f)).ok());
  const Rows snapshot = Snapshot(table);
  CHECK(snapshot.keys == Keys({-4, 4, 400}));
  const Keys old = Lookup(copy, {1, 2, 3, 4, 5}).handles;
  CHECK(copy.Restore(View(snapshot)).ok());
  CHECK(Same(Snapshot(copy), snapshot));
  CHECK(!Apply(copy, {old[0]}, {0, 0, 0}).ok());
  const Changed delta = BeginDelta(copy);
  CHECK(delta.rows.keys.empty() && delta.removed.empty());
  CHECK(copy.Restore(View(Rows())).ok() && copy.Size() == 0);
}

TEST(RestoreRefusesImpossibleRowsAndChangesNothing) {
  Table table(Options());
  Lookup(table, {1, 2, 3});
  const Rows good = Snapshot(table);
  const float infinity = std::numeric_limits<float>::infinity();
  struct Case {
    const char* says;
    void (*spoil)(Rows&, float);
  };
  const Case cases[] = {
      {"keys[1]", [](Rows& r, float) { r.keys[1] = 1; }},
      {"keys[2]", [](Rows& r, float) { r.keys[2] = -7; }},
      {"rows[1] (key 2)", [](Rows& r, float inf) { r.values[kDim] = inf; }},
      {"slots[0]", [](Rows& r, float inf) { r.slots[2] = -inf; }},
      {"sum of squares", [](Rows& r, float) { r.slots[0] = -1; }},
      {"steps[2]", [](Rows& r, float) { r.steps[2] = -1; }},
      {"seen[2]", [](Rows& r, float) { r.seen[2] = -1; }},
  };
  for (const Case& c : cases) {
    Rows bad = good;
    c.spoil(bad, infinity);
    CHECK(Mentions(table.Restore(View(bad)), c.says));
    CHECK(Mentions(table.LoadRows(View(bad), nullptr, 0, false), c.says));
    CHECK(Same(Snapshot(table), good));
  }
}

TEST(ADeltaCarriesWhatChangedUntilItIsAcknowledged) {
  Table table(Options());
  const Keys handles = Lookup(table, {1, 2, 3}).handles;
  const Changed born = BeginDelta(table);
  CHECK(born.rows.keys == Keys({1, 2, 3}) && born.removed.empty());
  CHECK(Apply(table, {handles[1]}, {1, 1, 1}).ok());  // after the cut, before its ack
  CHECK(table.Ack(born.epoch).ok());
  const Changed stepped = BeginDelta(table);
  CHECK(stepped.rows.keys == Keys({2}) && stepped.rows.steps == Keys({1}));
  const Keys three = {3};
  table.Remove(three.data(), 1);
  const Changed both = BeginDelta(table);  // the one before was never acknowledged
  CHECK(both.rows.keys == Keys({2}) && both.removed == Keys({3}));
  CHECK(table.Ack(both.epoch).ok());
  CHECK(table.Ack(stepped.epoch).ok());  // late and harmless
  const Changed none = BeginDelta(table);
  CHECK(none.rows.keys.empty() && none.removed.empty());
  CHECK(Mentions(table.Ack(none.epoch + 1), "was not begun"));
  CHECK(!table.Ack(0).ok());
}

TEST(ARowRemovedAndBornAgainIsNoTombstone) {
  Table table(Options());
  Lookup(table, {1});
  CHECK(table.Ack(BeginDelta(table).epoch).ok());
  const Keys one = {1};
  table.Remove(one.data(), 1);
  Lookup(table, {1});
  const Changed delta = BeginDelta(table);
  CHECK(delta.rows.keys == one && delta.removed.empty());
}

TEST(ABaseAndItsDeltasAreTheTable) {
  Table table(Options()), replica(Options());
  Lookup(table, {1, 2, 3, 4});
  CHECK(replica.Restore(View(Snapshot(table))).ok());
  CHECK(table.Ack(BeginDelta(table).epoch).ok());
  for (int64_t round = 0; round < 20; ++round) {
    const Keys ids = {round % 4 + 1, round + 10}, gone = {round % 3 + 1};
    CHECK(Apply(table, Lookup(table, ids, round).handles, std::vector<float>(2 * kDim, 0.3f)).ok());
    table.Remove(gone.data(), 1);
    const Changed delta = BeginDelta(table);
    CHECK(replica.LoadRows(View(delta.rows), delta.removed.data(), delta.removed.size(), false).ok());
    if (round % 2 == 0) CHECK(table.Ack(delta.epoch).ok());
    CHECK(Same(Snapshot(table), Snapshot(replica)));
  }
  CHECK(BeginDelta(replica).rows.keys.empty());
}

TEST(LoadedRowsAreInTheNextDeltaOnlyIfAsked) {
  Table source(Options()), table(Options());
  Lookup(source, {7});
  Lookup(table, {8});
  CHECK(table.Ack(BeginDelta(table).epoch).ok());
  const Keys eight = {8};
  CHECK(table.LoadRows(View(Snapshot(source)), eight.data(), 1, true).ok());
  const Changed delta = BeginDelta(table);
  CHECK(delta.rows.keys == Keys({7}) && delta.removed == eight);
  const Keys seven = {7}, unsorted = {3, 2};
  CHECK(Mentions(table.LoadRows(View(Snapshot(source)), seven.data(), 1, true), "removed[0]"));
  CHECK(Mentions(table.LoadRows(View(Snapshot(source)), unsorted.data(), 2, true), "removed[1]"));
}

}  // namespace
}  // namespace tandem
