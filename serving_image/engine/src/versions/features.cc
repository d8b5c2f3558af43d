#include "versions/features.h"

#include <algorithm>

namespace tandem::serving {
namespace {

constexpr size_t kIdsAtOnce = 128;

// Rows side by side. Where the samples' rooms lie side by side too, all of it is one lookup.
void Concatenate(const RowTable& table, View view, const int64_t* ids, size_t length, size_t batch,
                 const FeatureRoom& room) {
  if (length == 1) {
    table.Gather(view, ids, batch, room.data, room.stride);
  } else if (room.stride == room.width) {
    table.Gather(view, ids, batch * length, room.data, table.dim());
  } else {
    for (size_t sample = 0; sample < batch; ++sample) {
      table.Gather(view, ids + sample * length, length, room.data + sample * room.stride, table.dim());
    }
  }
}

// Adds what stands at one place of a sample to its sum. Padding adds zero, so that a sum has the same bits whoever
// computes it.
void Add(const float* row, bool counts, bool first, size_t dim, float* sum) {
  for (size_t i = 0; i < dim; ++i) {
    const float value = counts ? row[i] : 0.0F;
    sum[i] = first ? value : sum[i] + value;
  }
}

void Divide(size_t count, size_t dim, float* sum) {
  const auto divisor = static_cast<float>(std::max(count, size_t{1}));
  for (size_t i = 0; i < dim; ++i) sum[i] /= divisor;
}

// Looks up every sample.
void FillEach(const Version& version, const InputSpec& input, const int64_t* ids, const bool* present, size_t batch,
              const FeatureRoom& room) {
  const RowTable& table = version.table(input.table);
  if (input.pooling == Pooling::kNone) {
    Concatenate(table, version.view(), ids, input.length, batch, room);
    return;
  }
  const float* rows[kIdsAtOnce];
  size_t count = 0;  // of the sample at work
  const size_t all = batch * input.length;
  for (size_t start = 0; start < all; start += kIdsAtOnce) {
    const size_t now = std::min(all - start, kIdsAtOnce);
    table.Locate(version.view(), ids + start, now, rows);
    for (size_t i = 0; i < now; ++i) {
      const size_t at = start + i, place = at % input.length;
      const bool counts = present != nullptr ? present[at] : ids[at] != kPadding;
      float* sum = room.data + at / input.length * room.stride;
      Add(rows[i], counts, place == 0, table.dim(), sum);
      count = (place == 0 ? 0 : count) + counts;
      if (place + 1 == input.length && input.pooling == Pooling::kMean) Divide(count, table.dim(), sum);
    }
  }
}

// Whether a sample has what the one before it has.
bool Repeats(const InputSpec& input, const int64_t* ids, const bool* present, size_t sample) {
  const size_t length = input.length, at = sample * length;
  return std::equal(ids + at - length, ids + at, ids + at) &&
         (present == nullptr || std::equal(present + at - length, present + at, present + at));
}

}  // namespace

void FillFeature(const Version& version, const InputSpec& input, const int64_t* ids, const bool* present, size_t batch,
                 const FeatureRoom& room) {
  if (!input.user) return FillEach(version, input, ids, present, batch, room);
  // One user's candidates follow each other: what is the user's is looked up for the first and copied to the others.
  for (size_t begin = 0, end = 0; begin < batch; begin = end) {
    for (end = begin + 1; end < batch && !Repeats(input, ids, present, end);) ++end;
    const size_t at = begin * input.length;
    FillEach(version, input, ids + at, present == nullptr ? nullptr : present + at, end - begin,
             {room.data + begin * room.stride, room.stride, room.width});
    for (; end < batch && Repeats(input, ids, present, end); ++end) {
      float* row = room.data + end * room.stride;
      std::copy_n(row - room.stride, room.width, row);
    }
  }
}

}  // namespace tandem::serving
