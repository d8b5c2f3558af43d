#include "versions/base_loader.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "versions/probe.h"

namespace tandem::serving {
namespace {

using Kind = Outcome::Kind;

constexpr size_t kRowsPerTurn = 4096;

Status ReadModel(const std::string& folder, ModelSpec* spec) {
  std::ifstream file(folder + "/model.json", std::ios::binary);
  if (!file) return Status::Refused("model.json can't be opened");
  const Status status = ParseModelSpec({std::istreambuf_iterator<char>(file), {}}, spec);
  return status.ok() ? status : Status::Refused("model.json: " + status.why());
}

// The dense part must take and give what the model says.
Status CheckDense(const ModelSpec& spec, const Dense& dense) {
  if (dense.features() != spec.features.size() || dense.outputs() != spec.outputs.size()) {
    return Status::Refused("its dense part has other features or outputs than model.json");
  }
  for (size_t i = 0; i < spec.features.size(); ++i) {
    const InputSpec& input = spec.inputs[spec.features[i]];
    if (dense.width(i) != spec.width(input)) {
      return Status::Refused("its dense part takes " + std::to_string(dense.width(i)) + " floats of input \"" +
                             input.name + "\", model.json says " + std::to_string(spec.width(input)));
    }
  }
  return Status();
}

std::vector<size_t> CountsOf(const ModelSpec& spec) {
  std::vector<size_t> counts;
  for (const WeightSpec& weight : spec.weights) counts.push_back(weight.count);
  return counts;
}

}  // namespace

Outcome BaseLoader::Refuse(Kind kind, const std::string& why) const {
  return {kind, "checkpoints/" + std::to_string(folder_.base) + ": " + why};
}

Status BaseLoader::ReadFolder() {
  model_->base = folder_.base;
  if (Status status = ReadModel(folder_.path, &model_->spec); !status.ok()) return status;
  if (Status status = files_.AddFolder(folder_.path); !status.ok()) return status;
  return ReadServingPart(model_->spec, RecordKind::kBase, files_, &part_);
}

Status BaseLoader::OpenDense(const OpenDenseFn& open, std::string* report) {
  const ModelSpec& spec = model_->spec;
  if (Status status = open(folder_.path, CountsOf(spec), &model_->dense); !status.ok()) return status;
  if (Status status = CheckDense(spec, *model_->dense); !status.ok()) return status;
  if (Status status = model_->dense->Prepare(part_.weights.data(), &weights_); !status.ok()) return status;
  if (Status status = model_->dense->WarmUp(*weights_, report); !status.ok()) return status;
  scratch_ = model_->dense->NewScratch();
  return Status();
}

Outcome BaseLoader::LoadTable(size_t at, uint32_t epoch, const std::function<bool()>& pace) {
  const TableSpec& spec = model_->spec.tables[at];
  const TablePart& part = part_.tables[at];
  model_->tables.push_back(tables_->Obtain(spec.name, spec.dim));
  for (size_t begin = 0; begin < part.rows; begin += kRowsPerTurn) {
    const size_t end = std::min(part.rows, begin + kRowsPerTurn);
    const float *first = part.values + begin * spec.dim, *last = part.values + end * spec.dim;
    Status status = CheckRows(spec, part, begin, end);
    if (!status.ok()) return Refuse(Kind::kBadExport, status.why() + "; the base is refused");
    {
      const std::lock_guard<Turn> turn(tables_->turn());
      status = model_->tables.back()->Load(model_->line->line(), epoch, part.keys + begin, first, end - begin);
    }
    if (!status.ok()) {
      return Refuse(Kind::kNoRoom,
                    "table " + spec.name + ": " + status.why() + "; raise the memory limit in spec.serving.resources");
    }
    // From the beginning: of a folio that reaches into the next turn nothing leaves before that turn.
    files_.Forget(part.keys, part.keys + end);
    files_.Forget(part.values, last);
    if (!pace()) return Refuse(Kind::kRefused, "loading was called off");
  }
  return {};
}

// The version's epoch comes after all that was loaded and shared, so that it sees all of it.
Outcome BaseLoader::MakeVersion() {
  const uint32_t epoch = tables_->NextEpoch();
  if (epoch == 0) return Refuse(Kind::kNoRoom, "this process has numbered all the versions it can; restart the pod");
  auto hold = std::make_unique<TableSet::EpochHold>(tables_, model_->line->line(), epoch);
  version_ = std::make_shared<Version>(model_, VersionId{folder_.base, 0}, std::move(hold), std::move(weights_),
                                       folder_.watermark);
  const std::lock_guard<Turn> turn(tables_->turn());
  const Status status = Probe(*version_, scratch_.get());
  return status.ok() ? Outcome() : Refuse(Kind::kBadExport, status.why() + "; the base is refused");
}

Outcome BaseLoader::Run(const OpenDenseFn& open, const std::function<bool()>& pace, std::string* report) {
  Status status = ReadFolder();
  if (status.ok()) status = OpenDense(open, report);
  if (!status.ok()) return Refuse(Kind::kBadExport, status.why() + "; the base is refused");
  model_->line = tables_->OpenLine();
  if (model_->line == nullptr) {
    return Refuse(Kind::kNoRoom,
                  std::to_string(kLines) + " bases are in memory already, or are leaving it; drop one and try again");
  }
  const uint32_t epoch = tables_->NextEpoch();
  for (size_t at = 0; at < model_->spec.tables.size(); ++at) {
    if (Outcome outcome = LoadTable(at, epoch, pace); !outcome.ok()) return outcome;
  }
  return MakeVersion();
}

}  // namespace tandem::serving
