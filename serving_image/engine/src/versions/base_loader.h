// A base from its folder into memory.
//
// Memory:  the folder's files are mapped while it runs and forgotten piece by piece; rows go into the set's tables,
// where
//          equal rows of other bases are shared.
// Threads: one that may take long, of low priority. It takes the set's turn for a few thousand rows at a time, so that
//          updates of other bases go on meanwhile.
//
// A base that is refused leaves nothing: its line ends with the loader, and what it had in tables is reclaimed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "rows/table_set.h"
#include "versions/line.h"
#include "versions/outcome.h"
#include "versions/serving_part.h"
#include "versions/tensor_files.h"
#include "versions/version.h"

namespace tandem::serving {

class BaseLoader {
 public:
  BaseLoader(TableSet* tables, const BaseFolder& folder) : tables_(tables), folder_(folder) {}

  // Everything, in order. `pace` and `report` as for Line::Load.
  Outcome Run(const OpenDenseFn& open, const std::function<bool()>& pace, std::string* report);

  // After a Run that was good.
  const std::shared_ptr<BaseModel>& model() const { return model_; }
  const std::shared_ptr<const Version>& version() const { return version_; }
  std::unique_ptr<DenseScratch> TakeScratch() { return std::move(scratch_); }

 private:
  Status ReadFolder();
  Status OpenDense(const OpenDenseFn& open, std::string* report);
  Outcome LoadTable(size_t at, uint32_t epoch, const std::function<bool()>& pace);
  Outcome MakeVersion();
  Outcome Refuse(Outcome::Kind kind, const std::string& why) const;

  TableSet* const tables_;
  const BaseFolder& folder_;
  const std::shared_ptr<BaseModel> model_ = std::make_shared<BaseModel>();
  TensorFiles files_;
  ServingPart part_;
  std::unique_ptr<const DenseWeights> weights_;
  std::unique_ptr<DenseScratch> scratch_;
  std::shared_ptr<const Version> version_;
};

}  // namespace tandem::serving
