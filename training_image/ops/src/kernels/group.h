// The tables of one call of an op, and how their work is shared among the worker threads.
//
// Memory:  a counted reference to each table's resource for as long as the call lasts.
// Threads: one call, one Group; its work runs on the calling thread and on TensorFlow's workers together.
//
// A call names its tables by position; the same table may stand at several. Positions of one table are worked off in
// order, so that a call does what as many calls would have done. A table that is more than one thread's share has all
// threads to itself; after those the others go side by side, each on one thread, the longest first.
#pragma once

#include <functional>
#include <vector>

#include "core/parallel.h"
#include "kernels/table_resource.h"

namespace tandem {

class Group {
 public:
  // Takes the tables of inputs 0 … size - 1.
  absl::Status Take(tensorflow::OpKernelContext* context, int size);

  int size() const { return static_cast<int>(tables_.size()); }
  TableResource& operator[](int position) const { return *tables_[position]; }

  // What is done at a position, with these threads to share it among.
  using Work = std::function<absl::Status(int position, const Parallel& threads)>;

  // Does the work of each position; `ids` at a position is how much there is. Returns the refusal of the lowest
  // position that has one; the others have done their work all the same.
  absl::Status Run(tensorflow::OpKernelContext* context, const std::vector<int64_t>& ids, const Work& work) const;

 private:
  struct Share {
    std::vector<int> positions;  // of one table, ascending
    int64_t ids = 0;
  };

  // The longest first.
  std::vector<Share> Shares(const std::vector<int64_t>& ids) const;

  std::vector<tensorflow::core::RefCountPtr<TableResource>> tables_;
};

}  // namespace tandem
