#include "kernels/group.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <unordered_map>

#include "kernels/worker_pool.h"

namespace tandem {
namespace {

namespace tf = tensorflow;

// Fewer ids than this are done before a worker thread is awake.
constexpr int64_t kWorthWaking = 2048;

}  // namespace

absl::Status Group::Take(tf::OpKernelContext* context, int size) {
  tables_.resize(size);
  for (int position = 0; position < size; ++position) {
    if (absl::Status status = TableOf(context, &tables_[position], position); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<Group::Share> Group::Shares(const std::vector<int64_t>& ids) const {
  std::vector<Share> shares;
  std::unordered_map<const TableResource*, size_t> at;
  for (int position = 0; position < size(); ++position) {
    const auto [entry, is_new] = at.emplace(tables_[position].get(), shares.size());
    if (is_new) shares.emplace_back();
    shares[entry->second].positions.push_back(position);
    shares[entry->second].ids += ids[position];
  }
  std::stable_sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) { return a.ids > b.ids; });
  return shares;
}

absl::Status Group::Run(tf::OpKernelContext* context, const std::vector<int64_t>& ids, const Work& work) const {
  std::vector<absl::Status> statuses(size());
  const auto run = [&](const Share& share, const Parallel& threads) {
    for (int position : share.positions) {
      // A table makes room before it changes anything, so it is whole when memory runs out.
      try {
        statuses[position] = work(position, threads);
      } catch (const std::bad_alloc&) {
        statuses[position] = absl::ResourceExhaustedError(tables_[position]->DebugString() + ": no memory is left");
      }
    }
  };
  const std::vector<Share> shares = Shares(ids);
  const int64_t all = std::accumulate(ids.begin(), ids.end(), int64_t{0});
  const WorkerPool pool(*context);
  size_t first = 0;
  while (first < shares.size() && (shares.size() == 1 || shares[first].ids * pool.threads() > all)) {
    run(shares[first++], pool);
  }
  const int left = static_cast<int>(shares.size() - first);
  const Parallel& threads = all < kWorthWaking ? Serial() : static_cast<const Parallel&>(pool);
  threads.Run(left, [&](int share) { run(shares[first + share], Serial()); });
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace tandem
