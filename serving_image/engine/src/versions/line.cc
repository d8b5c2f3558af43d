#include "versions/line.h"

#include <algorithm>
#include <deque>
#include <fstream>
#include <iterator>
#include <mutex>
#include <new>
#include <utility>

#include "rows/row_edit.h"
#include "versions/probe.h"
#include "versions/serving_part.h"

namespace tandem::serving {
namespace {

using Kind = Outcome::Kind;

constexpr size_t kRowsPerTurn = 4096;

Outcome BadExport(int64_t base, const std::string& why) {
  return {Kind::kBadExport, "checkpoints/" + std::to_string(base) + ": " + why + "; the base is refused"};
}

Outcome NoEpoch() {
  return {Kind::kNoRoom, "this process has made as many versions as it can number; restart the pod"};
}

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

// Rows go in by short turns, so that updates of other lines go on meanwhile. What was loaded of a base that is refused
// is reclaimed when its LineId has ended.
Outcome Line::Load(TableSet* tables, const BaseFolder& folder, const OpenDenseFn& open,
                   const std::function<bool()>& pace, std::unique_ptr<Line>* made, std::string* report) try {
  auto model = std::make_shared<BaseModel>();
  model->base = folder.base;
  const auto refuse = [&](const Status& status) { return BadExport(folder.base, status.why()); };
  TensorFiles files;
  ServingPart part;
  if (Status status = ReadModel(folder.path, &model->spec); !status.ok()) return refuse(status);
  const ModelSpec& spec = model->spec;
  if (Status status = files.AddFolder(folder.path); !status.ok()) return refuse(status);
  if (Status status = ReadServingPart(spec, RecordKind::kBase, files, &part); !status.ok()) return refuse(status);
  if (Status status = open(folder.path, CountsOf(spec), &model->dense); !status.ok()) return refuse(status);
  if (Status status = CheckDense(spec, *model->dense); !status.ok()) return refuse(status);
  std::unique_ptr<const DenseWeights> weights;
  if (Status status = model->dense->Prepare(part.weights.data(), &weights); !status.ok()) return refuse(status);
  if (Status status = model->dense->WarmUp(*weights, report); !status.ok()) return refuse(status);

  model->line = tables->OpenLine();
  if (model->line == nullptr) {
    return {Kind::kNoRoom, "checkpoints/" + std::to_string(folder.base) + ": " + std::to_string(kLines) +
                               " bases are in memory already, or are leaving it; drop one and try again"};
  }
  const uint32_t loading = tables->NextEpoch();
  for (size_t at = 0; at < spec.tables.size(); ++at) {
    const TableSpec& table = spec.tables[at];
    const TablePart& rows = part.tables[at];
    model->tables.push_back(tables->Obtain(table.name, table.dim));
    for (size_t begin = 0; begin < rows.rows; begin += kRowsPerTurn) {
      const size_t end = std::min(rows.rows, begin + kRowsPerTurn);
      if (Status status = CheckRows(table, rows, begin, end); !status.ok()) return refuse(status);
      Status status;
      {
        const std::lock_guard<Turn> turn(tables->turn());
        status = model->tables.back()->Load(model->line->line(), loading, rows.keys + begin,
                                            rows.values + begin * table.dim, end - begin);
      }
      if (!status.ok()) {
        return {Kind::kNoRoom, "checkpoints/" + std::to_string(folder.base) + ": table " + table.name + ": " +
                                   status.why() + "; raise the memory limit in spec.serving.resources"};
      }
      if (!pace()) return {Kind::kRefused, "checkpoints/" + std::to_string(folder.base) + ": loading was called off"};
    }
  }

  const uint32_t epoch = tables->NextEpoch();
  if (loading == 0 || epoch == 0) return NoEpoch();
  auto hold = std::make_unique<TableSet::EpochHold>(tables, model->line->line(), epoch);
  std::unique_ptr<Line> line(new Line(tables, model));
  line->newest_ = std::make_shared<Version>(model, VersionId{folder.base, 0}, std::move(hold), std::move(weights),
                                            folder.watermark);
  const std::lock_guard<Turn> turn(tables->turn());
  if (Status status = Probe(*line->newest_); !status.ok()) return refuse(status);
  *made = std::move(line);
  return {};
} catch (const std::bad_alloc&) {
  return {Kind::kNoRoom, "checkpoints/" + std::to_string(folder.base) + ": there is no memory for it"};
}

Outcome Line::Apply(const UpdateFile& file) try {
  const std::string called = "updates/" + std::to_string(file.base) + "/" + std::to_string(file.update);
  const std::string stays = "; the update is refused and " + newest_->id().text() + " stays";
  const auto refuse = [&](Kind kind, const std::string& why) { return Outcome(kind, called + ": " + why + stays); };
  if (file.base != base()) {
    return refuse(Kind::kBadUpdate, "is of base " + std::to_string(file.base) + ", not of " + std::to_string(base()));
  }
  if (file.update <= newest_->id().update) return refuse(Kind::kBadUpdate, "comes again or too late");

  const ModelSpec& spec = model_->spec;
  TensorFiles files;
  ServingPart part;
  const RecordKind kind = file.keyframe ? RecordKind::kKeyframe : RecordKind::kUpdate;
  if (Status status = files.Add(file.path); !status.ok()) return refuse(Kind::kBadUpdate, status.why());
  Status status = ReadServingPart(spec, kind, files, &part);
  for (size_t at = 0; at < spec.tables.size() && status.ok(); ++at) {
    status = CheckRows(spec.tables[at], part.tables[at], 0, part.tables[at].rows);
    if (status.ok()) status = CheckRemoved(spec.tables[at], part.tables[at]);
  }
  std::unique_ptr<const DenseWeights> weights;
  if (status.ok()) status = model_->dense->Prepare(part.weights.data(), &weights);
  if (!status.ok()) return refuse(Kind::kBadUpdate, status.why());

  const std::lock_guard<Turn> turn(tables_->turn());
  const uint32_t epoch = tables_->NextEpoch();
  if (epoch == 0) return NoEpoch();
  const int line = model_->line->line();
  std::deque<RowEdit> edits;  // undone unless all are committed
  for (size_t at = 0; at < spec.tables.size(); ++at) {
    const TablePart& rows = part.tables[at];
    RowEdit& edit = edits.emplace_back(model_->tables[at].get(), line, epoch);
    status = edit.Put(rows.keys, rows.values, rows.rows);
    if (status.ok()) status = edit.Remove(rows.removed, rows.removals);
    if (status.ok() && rows.covered) status = edit.RemoveAllBut(rows.keys, rows.rows);
    if (!status.ok()) return refuse(Kind::kNoRoom, "table " + spec.tables[at].name + ": " + status.why());
  }
  auto hold = std::make_unique<TableSet::EpochHold>(tables_, line, epoch);
  auto version = std::make_shared<Version>(model_, VersionId{file.base, file.update}, std::move(hold),
                                           std::move(weights), file.watermark);
  if (status = Probe(*version); !status.ok()) return refuse(Kind::kBadUpdate, status.why());
  for (RowEdit& edit : edits) edit.Commit();
  newest_ = std::move(version);
  return {};
} catch (const std::bad_alloc&) {
  return {Kind::kNoRoom, "updates/" + std::to_string(file.base) + "/" + std::to_string(file.update) +
                             ": there is no memory for it; " + newest_->id().text() + " stays"};
}

}  // namespace tandem::serving
