#include "versions/versions.h"

#include <algorithm>
#include <utility>

namespace tandem::serving {
namespace {

const Version* Find(const std::vector<std::shared_ptr<const Version>>& versions, int64_t number) {
  for (const auto& version : versions) {
    if (version->id().number() == number) return version.get();
  }
  return nullptr;
}

}  // namespace

Versions::Versions(TableSet* tables) : tables_(tables), list_(new List) {}

Versions::~Versions() { delete list_.load(std::memory_order_relaxed); }

// Sequentially consistent, like the reader's registration before it: either this load finds the new list, or who
// retires the old one finds the reader.
Versions::Pin::Pin(const Versions& versions) : call_(versions.tables_->readers()) {
  const List* list = versions.list_.load(std::memory_order_seq_cst);
  version_ = list->versions.empty() ? nullptr : list->versions.front().get();
}

Versions::Pin::Pin(const Versions& versions, int64_t number) : call_(versions.tables_->readers()) {
  version_ = Find(versions.list_.load(std::memory_order_seq_cst)->versions, number);
}

void Versions::Publish(std::shared_ptr<const Version> version) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Swap(Before({std::move(version)}));
}

void Versions::Offer(std::shared_ptr<const Version> version) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto& versions = list_.load(std::memory_order_relaxed)->versions;
  if (versions.empty() || versions.front()->id().base == version->id().base) return;
  Swap(Before({versions.front(), std::move(version)}));
}

std::unique_ptr<Versions::List> Versions::Before(std::vector<std::shared_ptr<const Version>> first) const {
  auto next = std::make_unique<List>();
  next->versions = std::move(first);
  for (const auto& known : list_.load(std::memory_order_relaxed)->versions) {
    size_t of_base = 0;
    bool stands = false;
    for (const auto& version : next->versions) {
      of_base += version->id().base == known->id().base;
      stands = stands || version->id() == known->id();
    }
    if (!stands && of_base < kKept) next->versions.push_back(known);
  }
  return next;
}

Outcome Versions::Drop(int64_t base) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto& versions = list_.load(std::memory_order_relaxed)->versions;
  if (!versions.empty() && versions.front()->id().base == base) {
    return {Outcome::Kind::kRefused, "base " + std::to_string(base) + " is answered from as version " +
                                         versions.front()->id().text() + "; publish another base first"};
  }
  auto next = std::make_unique<List>();
  std::copy_if(versions.begin(), versions.end(), std::back_inserter(next->versions),
               [base](const auto& version) { return version->id().base != base; });
  Swap(std::move(next));
  return {};
}

void Versions::Swap(std::unique_ptr<const List> list) {
  retired_.emplace_back();
  retired_.back().list.reset(list_.exchange(list.release(), std::memory_order_seq_cst));
  retired_.back().mark = tables_->readers().Retire();
}

std::vector<VersionId> Versions::Known() const {
  const Readers::Call call(tables_->readers());
  std::vector<VersionId> known;
  for (const auto& version : list_.load(std::memory_order_seq_cst)->versions) known.push_back(version->id());
  return known;
}

// A list is freed outside of the lock, and with it versions that stand in no other: that may give back much memory.
bool Versions::Reclaim() {
  std::deque<Retired> left;
  bool done;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    while (!retired_.empty() && tables_->readers().AllLeft(retired_.front().mark)) {
      left.push_back(std::move(retired_.front()));
      retired_.pop_front();
    }
    done = retired_.empty();
  }
  left.clear();
  return tables_->Reclaim() && done;
}

}  // namespace tandem::serving
