#include "versions/probe.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/finite.h"
#include "core/xxh64.h"
#include "versions/features.h"

namespace tandem::serving {
namespace {

constexpr size_t kRows = 8;
constexpr char kText[] = "warm";

// As many ids as an input has in `batch` rows: keys that the version sees, over and over; zeros if it sees none.
std::vector<int64_t> SampleIds(const Version& version, const InputSpec& input, size_t batch) {
  const size_t count = batch * input.length;
  if (input.type == InputType::kString) {
    return std::vector<int64_t>(count, static_cast<int64_t>(Xxh64(kText, sizeof kText - 1)));
  }
  std::vector<int64_t> ids;
  version.model()->tables[input.table]->ForEach(version.view(), [&](int64_t key, const float*) {
    ids.push_back(key);
    return ids.size() < count;
  });
  if (ids.empty()) ids.push_back(0);
  for (size_t i = 0, known = ids.size(); ids.size() < count; ++i) ids.push_back(ids[i % known]);
  return ids;
}

void FillSample(const Version& version, const FeatureRoom* rooms, size_t batch) {
  const ModelSpec& spec = version.spec();
  for (size_t feature = 0; feature < spec.features.size(); ++feature) {
    const InputSpec& input = spec.inputs[spec.features[feature]];
    const FeatureRoom& room = rooms[feature];
    if (input.table != kNoTable) {
      FillFeature(version, input, SampleIds(version, input, batch).data(), nullptr, batch, room);
      continue;
    }
    for (size_t row = 0; row < batch; ++row) std::fill_n(room.data + row * room.stride, room.width, 0.0F);
  }
}

}  // namespace

Status Probe(const Version& version, DenseScratch* scratch) {
  const ModelSpec& spec = version.spec();
  const size_t batch = std::min(kRows, version.dense().largest());
  FillSample(version, scratch->Room(batch), batch);
  std::vector<std::vector<float>> outputs(spec.outputs.size(), std::vector<float>(batch));
  std::vector<float*> places;
  for (std::vector<float>& output : outputs) places.push_back(output.data());
  if (Status status = version.dense().Run(version.weights(), scratch, batch, places.data()); !status.ok()) {
    return status;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (FirstNotFinite(outputs[i].data(), batch) != batch) {
      return Status::Refused("output \"" + spec.outputs[i].name + "\" is not finite on a sample of its own rows");
    }
  }
  return Status();
}

}  // namespace tandem::serving
