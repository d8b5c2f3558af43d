#include "core/parallel.h"

namespace tandem {
namespace {

class SerialRun final : public Parallel {
 public:
  int threads() const override { return 1; }
  void Run(int shards, const std::function<void(int)>& body) const override {
    for (int shard = 0; shard < shards; ++shard) body(shard);
  }
};

}  // namespace

const Parallel& Serial() {
  static const SerialRun serial;
  return serial;
}

}  // namespace tandem
