// One base in memory with the updates that were applied to it.
//
// Memory:  the newest version; the others belong to who published them. Rows lie in the tables of the set.
// Threads: Load and Apply from threads of low priority, one call per Line at a time; different Lines side by side. They
//          take the set's turn by themselves. newest() from the same thread.
//
// Requests never see a Line, only the versions that it makes, once they are published. Whatever is refused changes
// nothing: the newest version stays, and the next update is applied to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rows/table_set.h"
#include "versions/outcome.h"
#include "versions/version.h"

namespace tandem::serving {

// Opens the dense part of the base in a folder; `counts` are the floats of each weight, in model.json's order.
using OpenDenseFn =
    std::function<Status(const std::string& folder, const std::vector<size_t>& counts, std::unique_ptr<Dense>* made)>;

// A base as the store has it: model.json, tables and weights as *.safetensors, and what the dense part reads.
struct BaseFolder {
  int64_t base = 0;
  std::string path;
  std::string watermark;
};

// The serving part of an update or keyframe of a base.
struct UpdateFile {
  int64_t base = 0;
  int64_t update = 0;
  bool keyframe = false;
  std::string path;
  std::string watermark;
};

class Line {
 public:
  // Loads a base and makes its version `base.0`, warm and with finite answers. `pace` is called after every few
  // thousand rows, outside of the turn: it may sleep, and ends the loading by returning false. `report`: what warming
  // up said.
  static Outcome Load(TableSet* tables, const BaseFolder& folder, const OpenDenseFn& open,
                      const std::function<bool()>& pace, std::unique_ptr<Line>* made, std::string* report);

  // Makes the version that follows the newest one. It can't be seen before it is published.
  Outcome Apply(const UpdateFile& file);

  int64_t base() const { return model_->base; }
  const std::shared_ptr<const Version>& newest() const { return newest_; }

 private:
  Line(TableSet* tables, std::shared_ptr<const BaseModel> model, std::unique_ptr<DenseScratch> scratch,
       std::shared_ptr<const Version> first)
      : tables_(tables), model_(std::move(model)), scratch_(std::move(scratch)), newest_(std::move(first)) {}

  Outcome Refuse(Outcome::Kind kind, const UpdateFile& file, const std::string& why) const;

  TableSet* const tables_;
  const std::shared_ptr<const BaseModel> model_;
  const std::unique_ptr<DenseScratch> scratch_;  // for probes
  std::shared_ptr<const Version> newest_;
};

}  // namespace tandem::serving
