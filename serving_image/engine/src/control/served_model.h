// The versions in memory as the door asks for them.
//
// Memory:  a contract per base, and per engine thread room for a batch's features, kept for the base that it answered
//          last.
// Threads: as door/model.h says; ForgetDropped from any.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "door/model.h"
#include "versions/versions.h"

namespace tandem::serving::control {

class ServedModel final : public door::Model {
 public:
  // `versions` outlives it. `most_rows`: the largest batch that every base was opened for.
  ServedModel(const Versions* versions, size_t most_rows) : versions_(versions), most_rows_(most_rows) {}

  std::unique_ptr<const door::Pin> Get(std::optional<int64_t> number) override;
  std::vector<door::VersionName> Here() const override;
  std::vector<std::pair<std::string, door::VersionName>> Labels() const override;
  size_t most_rows() const override { return most_rows_; }
  std::unique_ptr<door::Worker> NewWorker() override;

  // What bases are called from now on; one that is not in memory has no version to answer with.
  void SetLabels(std::map<std::string, int64_t> bases);

  // Lets go of what engine threads keep for bases that can't be asked for any more.
  void ForgetDropped();

 private:
  class Worker;
  struct Room;

  std::shared_ptr<const door::ModelSpec> ContractOf(const std::shared_ptr<const BaseModel>& model);

  const Versions* const versions_;
  const size_t most_rows_;
  mutable std::mutex mutex_;  // guards all of these
  std::map<std::string, int64_t> labels_;
  std::vector<std::pair<std::weak_ptr<const BaseModel>, std::shared_ptr<const door::ModelSpec>>> contracts_;
  std::vector<std::weak_ptr<Room>> rooms_;
};

}  // namespace tandem::serving::control
