#include "versions/line.h"

#include <deque>
#include <mutex>
#include <new>

#include "rows/row_edit.h"
#include "versions/base_loader.h"
#include "versions/probe.h"
#include "versions/serving_part.h"

namespace tandem::serving {
namespace {

using Kind = Outcome::Kind;

// The update's tensors, whole and fit for the model.
Status ReadUpdate(const ModelSpec& spec, const UpdateFile& file, TensorFiles* files, ServingPart* part) {
  const RecordKind kind = file.keyframe ? RecordKind::kKeyframe : RecordKind::kUpdate;
  if (Status status = files->Add(file.path); !status.ok()) return status;
  if (Status status = ReadServingPart(spec, kind, *files, part); !status.ok()) return status;
  for (size_t at = 0; at < spec.tables.size(); ++at) {
    const TablePart& rows = part->tables[at];
    if (Status status = CheckRows(spec.tables[at], rows, 0, rows.rows); !status.ok()) return status;
    if (Status status = CheckRemoved(spec.tables[at], rows); !status.ok()) return status;
  }
  return Status();
}

Status EditTable(const TablePart& part, RowEdit* edit) {
  if (Status status = edit->Put(part.keys, part.values, part.rows); !status.ok()) return status;
  if (Status status = edit->Remove(part.removed, part.removals); !status.ok()) return status;
  return part.covered ? edit->RemoveAllBut(part.keys, part.rows) : Status();
}

}  // namespace

Outcome Line::Load(TableSet* tables, const BaseFolder& folder, const OpenDenseFn& open,
                   const std::function<bool()>& pace, std::unique_ptr<Line>* made, std::string* report) try {
  BaseLoader loader(tables, folder);
  if (Outcome outcome = loader.Run(open, pace, report); !outcome.ok()) return outcome;
  made->reset(new Line(tables, loader.model(), loader.TakeScratch(), loader.version()));
  return {};
} catch (const std::bad_alloc&) {
  return {Kind::kNoRoom, "checkpoints/" + std::to_string(folder.base) + ": there is no memory for it"};
}

Outcome Line::Apply(const UpdateFile& file) try {
  const VersionId id{file.base, file.update};
  if (file.base != base()) {
    return Refuse(Kind::kBadUpdate, file,
                  "is of base " + std::to_string(file.base) + ", not of " + std::to_string(base()));
  }
  if (file.update <= newest_->id().update) return Refuse(Kind::kBadUpdate, file, "comes again or too late");
  TensorFiles files;
  ServingPart part;
  std::unique_ptr<const DenseWeights> weights;
  Status status = ReadUpdate(model_->spec, file, &files, &part);
  if (status.ok()) status = model_->dense->Prepare(part.weights.data(), &weights);
  if (!status.ok()) return Refuse(Kind::kBadUpdate, file, status.why());

  const std::lock_guard<Turn> turn(tables_->turn());
  const uint32_t epoch = tables_->NextEpoch();
  if (epoch == 0)
    return Refuse(Kind::kNoRoom, file, "this process has numbered all the versions it can; restart the pod");
  std::deque<RowEdit> edits;  // undone unless all are committed
  for (size_t at = 0; at < model_->tables.size(); ++at) {
    edits.emplace_back(model_->tables[at].get(), model_->line->line(), epoch);
    status = EditTable(part.tables[at], &edits.back());
    if (!status.ok()) return Refuse(Kind::kNoRoom, file, "table " + model_->spec.tables[at].name + ": " + status.why());
  }
  auto hold = std::make_unique<TableSet::EpochHold>(tables_, model_->line->line(), epoch);
  auto version = std::make_shared<Version>(model_, id, std::move(hold), std::move(weights), file.watermark);
  if (status = Probe(*version, scratch_.get()); !status.ok()) return Refuse(Kind::kBadUpdate, file, status.why());
  for (RowEdit& edit : edits) edit.Commit();
  newest_ = std::move(version);
  return {};
} catch (const std::bad_alloc&) {
  return Refuse(Kind::kNoRoom, file, "there is no memory for it");
}

Outcome Line::Refuse(Kind kind, const UpdateFile& file, const std::string& why) const {
  return {kind, "updates/" + std::to_string(file.base) + "/" + std::to_string(file.update) + ": " + why +
                    "; the update is refused and " + newest_->id().text() + " stays"};
}

}  // namespace tandem::serving
