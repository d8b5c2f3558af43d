// A table without an index and without threads of its own: rows, what has changed, and a map from key to row.
//
// Memory:  as its parts.
// Threads: Begin may be called beside lookups of the parts; the map belongs to the test's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/changes.h"
#include "core/cut.h"
#include "core/readers.h"
#include "core/row_store.h"
#include "core/tests/check.h"

namespace tandem::testing {

struct BareRow {
  std::vector<float> values, slots;
  int64_t steps = 0, seen = 0;
  bool operator==(const BareRow& other) const {
    return values == other.values && slots == other.slots && steps == other.steps && seen == other.seen;
  }
};
using BareRows = std::map<int64_t, BareRow>;

struct BareTable {
  BareTable(int dim, int slots) : rows(dim, slots, &readers), changes(&rows) {}

  int64_t Birth(int64_t key, float value) {
    uint32_t row;
    CHECK(rows.Allocate(1, &row));
    rows.key(row) = key;
    rows.steps(row) = 0;
    rows.seen(row) = 0;
    std::fill_n(rows.Values(row), rows.dim(), value);
    std::fill_n(rows.Slots(row), rows.slot_floats(), 0.0f);
    changes.Born(row, key);
    places[key] = row;
    return rows.HandleOf(row);
  }

  void Remove(int64_t key) {
    const uint32_t row = places.at(key);
    changes.Gone(row, key);
    places.erase(key);
    rows.Free(&row, 1);
  }

  void Stamp(int64_t key, uint32_t time) { changes.Stamp(places.at(key), changes.BeginStamps(time)); }

  BareRows Contents() const {
    BareRows contents;
    for (const auto& [key, row] : places) {
      contents[key] = {{rows.Values(row), rows.Values(row) + rows.dim()},
                       {rows.Slots(row), rows.Slots(row) + rows.slot_floats()},
                       rows.steps(row),
                       rows.seen(row)};
    }
    return contents;
  }

  std::shared_ptr<Cut> Begin(bool full, int consumer = 0) {
    std::shared_ptr<Cut> cut;
    const Status status = Cut::Begin(full, consumer, full ? Cut::RoomFor(rows) : nullptr, &rows, &changes, &cut);
    if (!status.ok()) throw Failure(status.why());
    cut->Settle(&readers);
    return cut;
  }

  std::string WhyNot(bool full, int consumer) {
    std::shared_ptr<Cut> cut;
    return Cut::Begin(full, consumer, nullptr, &rows, &changes, &cut).why();
  }

  Readers readers;
  RowStore rows;
  Changes changes;
  std::map<int64_t, uint32_t> places;
};

inline std::vector<int64_t> KeysOf(const BareRows& rows) {
  std::vector<int64_t> keys;
  for (const auto& [key, row] : rows) keys.push_back(key);
  return keys;
}

// Puts what one Next gave into a map; no key comes twice.
inline void Gather(const Rows& rows, size_t dim, size_t slot_floats, BareRows* out) {
  for (size_t i = 0; i < rows.keys.size(); ++i) {
    const float *values = rows.values.data() + i * dim, *slots = rows.slots.data() + i * slot_floats;
    BareRow row{{values, values + dim}, {slots, slots + slot_floats}, rows.steps[i], rows.seen[i]};
    CHECK(out->emplace(rows.keys[i], std::move(row)).second);
  }
}

inline BareRows ReadAll(Cut& cut, const RowStore& rows, size_t at_once = 100) {
  BareRows out;
  for (Rows block; cut.Next(at_once, &block);) {
    CHECK(block.keys.size() <= at_once);
    Gather(block, rows.dim(), rows.slot_floats(), &out);
  }
  return out;
}

}  // namespace tandem::testing
