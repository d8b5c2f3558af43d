// Which versions can be answered from, and which one is current.
//
// Memory:  the last four published versions of each base; what left that list lives until the batches that run with it
//          have ended.
// Threads: Pin from any thread: one atomic exchange on a cache line that is nearly its own, and one load. All else on
// one
//          thread at a time, which Versions sees to; only Reclaim frees versions.
//
// Publishing is one store of a pointer to a new list. A Pin registers its batch among the readers before it loads that
// pointer, so whatever it finds, list, version, rows, stays until it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "core/readers.h"
#include "rows/table_set.h"
#include "versions/outcome.h"
#include "versions/version.h"

namespace tandem::serving {

class Versions {
 public:
  static constexpr size_t kKept = 4;  // published versions of each base

  // `tables` outlives the versions.
  explicit Versions(TableSet* tables);
  ~Versions();
  Versions(const Versions&) = delete;
  Versions& operator=(const Versions&) = delete;

  // A batch's hold on one version, for as long as it lives. One per thread at a time; never wait in it for a writer.
  class Pin {
   public:
    // The current version.
    explicit Pin(const Versions& versions);
    // One that was asked for by number.
    Pin(const Versions& versions, int64_t number);
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

    // nullptr: nothing was published, or this number is not here.
    const Version* get() const { return version_; }
    const Version* operator->() const { return version_; }
    const Version& operator*() const { return *version_; }
    explicit operator bool() const { return version_ != nullptr; }

   private:
    const Readers::Call call_;
    const Version* version_;
  };

  // Answers from this version from now on.
  void Publish(std::shared_ptr<const Version> version);

  // Lets this version, the newest of a base that is not answered from, be asked for by number. Nothing before the first
  // Publish.
  void Offer(std::shared_ptr<const Version> version);

  // Lets go of all versions of a base. Refused while it is answered from.
  Outcome Drop(int64_t base);

  // The versions that can be asked for, the current one first; empty before the first Publish.
  std::vector<VersionId> Known() const;

  // Frees what no batch uses any more, rows included; to be called now and then by a thread of low priority. Whether
  // there is nothing left to free.
  bool Reclaim();

 private:
  struct List {
    std::vector<std::shared_ptr<const Version>> versions;  // the current one first, each base newest first
  };
  struct Retired {
    uint64_t mark;
    std::unique_ptr<const List> list;
  };

  // A list with these in front, and of the others as many of each base as are kept.
  std::unique_ptr<List> Before(std::vector<std::shared_ptr<const Version>> first) const;
  void Swap(std::unique_ptr<const List> list);

  TableSet* const tables_;
  std::atomic<const List*> list_;

  std::mutex mutex_;  // guards who swaps, and retired_
  std::deque<Retired> retired_;
};

}  // namespace tandem::serving
