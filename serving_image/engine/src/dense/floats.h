// Float memory that oneDNN, TensorFlow and vector loads take as it is.
//
// Memory:  64-byte aligned, rounded up to whole cache lines, zero when made.
// Threads: a value; what it holds is the owner's affair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace tandem::serving {

class Floats {
 public:
  static constexpr size_t kAlignment = 64;

  Floats() = default;
  explicit Floats(size_t count) : count_(count), data_(static_cast<float*>(Allocate(count * sizeof(float)))) {}

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(float); }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };

  static void* Allocate(size_t bytes) {
    // One line at the least, so that even an empty array has an address.
    const size_t room = (bytes / kAlignment + 1) * kAlignment;
    void* data = std::aligned_alloc(kAlignment, room);
    if (data == nullptr) throw std::bad_alloc();
    std::memset(data, 0, room);
    return data;
  }

  size_t count_ = 0;
  std::unique_ptr<float, Free> data_;
};

// The slots of one version: raw weights and folded results, in the program's order.
using Slots = std::vector<Floats>;

}  // namespace tandem::serving
