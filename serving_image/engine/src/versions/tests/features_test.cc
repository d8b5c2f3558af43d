#include "versions/features.h"

#include <cmath>
#include <cstring>

#include "versions/tests/shop.h"

namespace tandem::serving {
namespace {

// Users 1, 2, 3 have rows (1, 1), (2, 2), (3, 3) in these tests.
InputSpec UserInput(Pooling pooling, size_t length) {
  InputSpec input;
  input.table = 0;
  input.pooling = pooling;
  input.length = length;
  return input;
}

std::vector<float> Fill(const Version& version, const InputSpec& input, const std::vector<int64_t>& ids, size_t stride,
                        const bool* present = nullptr) {
  const size_t batch = ids.size() / input.length;
  std::vector<float> out(batch * stride, -9);
  FillFeature(version, input, ids.data(), present, batch, {out.data(), stride, version.spec().width(input)});
  return out;
}

TEST(FeaturesAreRowsSideBySideOrTheirSumsOrMeans) {
  Shop shop;
  const auto line = shop.Loaded(1);
  const Version& version = *line->newest();
  const std::vector<int64_t> ids = {1, 3, -1, -1, 9, 2};  // two samples of three; 9 has no row
  using Floats = std::vector<float>;
  CHECK((Fill(version, UserInput(Pooling::kNone, 3), ids, 6) == Floats{1, 1, 3, 3, 0, 0, 0, 0, 0, 0, 2, 2}));
  CHECK((Fill(version, UserInput(Pooling::kNone, 3), ids, 7) == Floats{1, 1, 3, 3, 0, 0, -9, 0, 0, 0, 0, 2, 2, -9}));
  CHECK((Fill(version, UserInput(Pooling::kNone, 1), ids, 3) ==
         Floats{1, 1, -9, 3, 3, -9, 0, 0, -9, 0, 0, -9, 0, 0, -9, 2, 2, -9}));
  CHECK((Fill(version, UserInput(Pooling::kSum, 3), ids, 3) == Floats{4, 4, -9, 2, 2, -9}));
  CHECK((Fill(version, UserInput(Pooling::kMean, 3), ids, 2) == Floats{2, 2, 1, 1}));
  const bool present[] = {true, false, false, false, false, false};
  CHECK((Fill(version, UserInput(Pooling::kMean, 3), ids, 2, present) == Floats{1, 1, 0, 0}));
}

// A user's rows come once for each run of candidates: the bits are those of looking up every one.
TEST(AUsersFeatureIsTheSameAsAnyOther) {
  Shop shop;
  const auto line = shop.Loaded(1);
  constexpr size_t kBatch = 7;
  const int64_t users[kBatch][3] = {{1, 3, -1}, {1, 3, -1}, {2, 3, -1}, {2, 3, -1}, {2, 3, -1}, {2, 3, 9}, {1, 3, -1}};
  const bool strings[kBatch][3] = {{true, false, false}, {true, false, false}, {true, true, false}, {true, true, true},
                                   {true, true, true},   {true, true, true},   {true, false, false}};
  for (const Pooling pooling : {Pooling::kNone, Pooling::kSum, Pooling::kMean}) {
    for (const size_t length : {1, 3}) {
      for (const bool* present : {static_cast<const bool*>(nullptr), &strings[0][0]}) {
        for (size_t batch = 0; batch <= kBatch; ++batch) {
          const std::vector<int64_t> ids(&users[0][0], &users[0][0] + batch * length);
          InputSpec input = UserInput(pooling, length);
          const size_t stride = line->newest()->spec().width(input) + 1;
          const auto any = Fill(*line->newest(), input, ids, stride, present);
          input.user = true;
          CHECK(Fill(*line->newest(), input, ids, stride, present) == any);
        }
      }
    }
  }
}

// The control plane's own pooling is numpy's: zeros where padding is, then a sum in order. Same bits.
TEST(AMeanHasTheBitsOfASumInOrder) {
  Shop shop;
  auto parts = Shop::Parts();
  std::vector<int64_t> keys;
  std::vector<float> values;
  for (int64_t key = 0; key < 400; ++key) {
    keys.push_back(key);
    values.push_back(std::sin(static_cast<float>(key)) * std::pow(10.0F, static_cast<float>(key % 9) - 4));
  }
  values[7] = -0.0F;
  parts["rows-user.safetensors"] = ShopRows("user", keys, values);
  const auto line = shop.Loaded(1, parts);
  constexpr size_t kLength = 50, kBatch = 9;
  KeyedStream random(5, 6);
  std::vector<int64_t> ids(kLength * kBatch);
  for (int64_t& id : ids) id = static_cast<int64_t>(random.Next() % 450) - 1;
  const auto out = Fill(*line->newest(), UserInput(Pooling::kMean, kLength), ids, 2);
  for (size_t sample = 0; sample < kBatch; ++sample) {
    float sum = 0, count = 0;
    for (size_t i = 0; i < kLength; ++i) {
      const int64_t id = ids[sample * kLength + i];
      const float value = id >= 0 && id < 400 ? values[static_cast<size_t>(id)] : 0.0F;
      sum = i == 0 ? value : sum + value;
      count += id == kPadding ? 0.0F : 1.0F;
    }
    const float mean = sum / count;
    CHECK(std::memcmp(&mean, &out[sample * 2], sizeof mean) == 0);
  }
}

}  // namespace
}  // namespace tandem::serving
