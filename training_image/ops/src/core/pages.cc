#include "core/pages.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/arena.h"

namespace tandem {
namespace {

class PageThread {
 public:
  void Ask(Arena* arena) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!started_) Start();
    if (std::find(asked_.begin(), asked_.end(), arena) != asked_.end()) return;
    asked_.push_back(arena);
    wake_.notify_one();
  }

  void Forget(Arena* arena) {
    std::unique_lock<std::mutex> lock(mutex_);
    asked_.erase(std::remove(asked_.begin(), asked_.end(), arena), asked_.end());
    idle_.wait(lock, [&] { return at_ != arena; });
  }

 private:
  // Without a thread (the system has no more) arenas open their own pages.
  void Start() {
    started_ = true;
    try {
      std::thread([this] { Run(); }).detach();
    } catch (const std::system_error&) {
    }
  }

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return !asked_.empty(); });
      at_ = asked_.front();
      asked_.erase(asked_.begin());
      lock.unlock();
      at_->PrepareAhead();
      lock.lock();
      at_ = nullptr;
      idle_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::vector<Arena*> asked_;
  Arena* at_ = nullptr;
  bool started_ = false;
};

// Never destroyed: its thread lives as long as the process.
PageThread& Pages() {
  static PageThread* const pages = new PageThread;
  return *pages;
}

}  // namespace

void PreparePagesOf(Arena* arena) { Pages().Ask(arena); }
void ForgetPagesOf(Arena* arena) { Pages().Forget(arena); }

}  // namespace tandem
