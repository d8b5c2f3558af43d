#include "control/served_model.h"

#include <algorithm>
#include <cstring>

#include "door/clock.h"
#include "versions/features.h"

namespace tandem::serving::control {
namespace {

door::DType DTypeOf(InputType type) {
  return type == InputType::kInt64    ? door::DType::kInt64
         : type == InputType::kString ? door::DType::kString
                                      : door::DType::kFloat32;
}

door::ModelSpec Contract(const ModelSpec& spec) {
  door::ModelSpec contract;
  for (const InputSpec& input : spec.inputs) {
    contract.inputs.push_back({input.name, DTypeOf(input.type), static_cast<int64_t>(input.length), input.user});
  }
  for (const OutputSpec& output : spec.outputs) contract.outputs.push_back(output.name);
  return contract;
}

class ServedPin final : public door::Pin {
 public:
  explicit ServedPin(const Versions& versions) : pin_(versions) {}
  ServedPin(const Versions& versions, int64_t number) : pin_(versions, number) {}

  const Version* version() const { return pin_.get(); }
  const door::ModelSpec& spec() const override { return *contract_; }
  door::VersionName name() const override { return {pin_->id().base, pin_->id().update}; }
  void Set(std::shared_ptr<const door::ModelSpec> contract) { contract_ = std::move(contract); }

 private:
  const Versions::Pin pin_;
  std::shared_ptr<const door::ModelSpec> contract_;
};

void CopyFloats(const float* values, size_t rows, const FeatureRoom& room) {
  for (size_t row = 0; row < rows; ++row) {
    std::memcpy(room.data + row * room.stride, values + row * room.width, room.width * sizeof(float));
  }
}

}  // namespace

// What one engine thread writes features into. The thread holds the mutex while it computes, ForgetDropped to empty it.
struct ServedModel::Room {
  std::mutex mutex;
  std::shared_ptr<const BaseModel> model;  // ends after the scratch
  std::unique_ptr<DenseScratch> scratch;

  void Clear() {
    scratch.reset();
    model.reset();
  }
};

class ServedModel::Worker final : public door::Worker {
 public:
  explicit Worker(std::shared_ptr<Room> room) : room_(std::move(room)) {}

  Status Run(const door::Pin& pinned, const door::Batch& batch, float* const* outputs,
             door::StageTimes* times) override {
    const Version& version = *static_cast<const ServedPin&>(pinned).version();
    const std::lock_guard<std::mutex> lock(room_->mutex);
    if (room_->model != version.model()) {
      room_->Clear();
      room_->scratch = version.dense().NewScratch();
      room_->scratch->answers = true;
      room_->model = version.model();
    }
    const auto begun = door::Clock::now();
    const FeatureRoom* features = room_->scratch->Room(batch.rows);
    const ModelSpec& spec = version.spec();
    for (size_t i = 0; i < spec.features.size(); ++i) {
      const InputSpec& input = spec.inputs[spec.features[i]];
      const door::Column& column = batch.inputs[spec.features[i]];
      if (input.table == kNoTable) {
        CopyFloats(column.values, batch.rows, features[i]);
      } else {
        FillFeature(version, input, column.ids, column.present, batch.rows, features[i]);
      }
    }
    const auto gathered = door::Clock::now();
    Status status = version.dense().Run(version.weights(), room_->scratch.get(), batch.rows, outputs);
    times->gather += door::Nanoseconds(gathered - begun);
    times->dense += door::Nanoseconds(door::Clock::now() - gathered);
    return status;
  }

 private:
  const std::shared_ptr<Room> room_;
};

std::unique_ptr<const door::Pin> ServedModel::Get(std::optional<int64_t> number) {
  auto pin = number ? std::make_unique<ServedPin>(*versions_, *number) : std::make_unique<ServedPin>(*versions_);
  if (pin->version() == nullptr) return nullptr;
  pin->Set(ContractOf(pin->version()->model()));
  return pin;
}

std::vector<door::VersionName> ServedModel::Here() const {
  std::vector<door::VersionName> here;
  for (const VersionId& id : versions_->Known()) here.push_back({id.base, id.update});
  return here;
}

std::vector<std::pair<std::string, door::VersionName>> ServedModel::Labels() const {
  const std::vector<door::VersionName> here = Here();
  std::vector<std::pair<std::string, door::VersionName>> labels;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [label, base] : labels_) {
    // The newest of a base stands before its others.
    const auto found = std::find_if(here.begin(), here.end(),
                                    [base = base](const door::VersionName& version) { return version.base == base; });
    if (found != here.end()) labels.emplace_back(label, *found);
  }
  return labels;
}

void ServedModel::SetLabels(std::map<std::string, int64_t> bases) {
  const std::lock_guard<std::mutex> lock(mutex_);
  labels_ = std::move(bases);
}

std::unique_ptr<door::Worker> ServedModel::NewWorker() {
  auto room = std::make_shared<Room>();
  const std::lock_guard<std::mutex> lock(mutex_);
  rooms_.push_back(room);
  return std::make_unique<Worker>(std::move(room));
}

void ServedModel::ForgetDropped() {
  const std::vector<VersionId> known = versions_->Known();
  const auto gone = [&known](int64_t base) {
    return std::none_of(known.begin(), known.end(), [base](const VersionId& id) { return id.base == base; });
  };
  std::vector<std::weak_ptr<Room>> rooms;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    contracts_.erase(
        std::remove_if(contracts_.begin(), contracts_.end(), [](const auto& entry) { return entry.first.expired(); }),
        contracts_.end());
    rooms = rooms_;
  }
  for (const auto& weak : rooms) {
    const std::shared_ptr<Room> room = weak.lock();
    if (room == nullptr) continue;
    // A thread that computes now is asked again the next time, rather than kept waiting.
    const std::unique_lock<std::mutex> held(room->mutex, std::try_to_lock);
    if (held && room->model != nullptr && gone(room->model->base)) room->Clear();
  }
}

std::shared_ptr<const door::ModelSpec> ServedModel::ContractOf(const std::shared_ptr<const BaseModel>& model) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [owner, contract] : contracts_) {
    if (!owner.owner_before(model) && !model.owner_before(owner)) return contract;
  }
  auto contract = std::make_shared<const door::ModelSpec>(Contract(model->spec));
  contracts_.emplace_back(model, contract);
  return contract;
}

}  // namespace tandem::serving::control
