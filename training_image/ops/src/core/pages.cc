#include "core/pages.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/arena.h"

namespace tandem {
namespace {

constexpr int kNiceness = 10;

class PageThread {
 public:
  // Never waits: the thread may have lost its core while it holds the list, and being polite it gets it back late. Who asked
  // in vain asks again when it reaches further.
  void Ask(Arena* arena) {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    if (!started_) Start();
    Enqueue(arena);
    wake_.notify_one();
  }

  void Forget(Arena* arena) {
    std::unique_lock<std::mutex> lock(mutex_);
    idle_.wait(lock, [&] { return at_ != arena; });
    asked_.erase(std::remove(asked_.begin(), asked_.end(), arena), asked_.end());
  }

 private:
  void Enqueue(Arena* arena) {
    if (std::find(asked_.begin(), asked_.end(), arena) == asked_.end()) asked_.push_back(arena);
  }

  // Without a thread (the system has no more) arenas open their own pages.
  void Start() {
    started_ = true;
    try {
      std::thread([this] { Run(); }).detach();
    } catch (const std::system_error&) {
    }
  }

  void Run() {
    // On Linux a priority is a thread's own. Where it may not be changed, pages are made ready at that of the others.
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness);
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return !asked_.empty(); });
      Arena* const arena = at_ = asked_.front();
      asked_.erase(asked_.begin());
      lock.unlock();
      const bool more = arena->PrepareAhead();
      lock.lock();
      at_ = nullptr;
      if (more) Enqueue(arena);
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
