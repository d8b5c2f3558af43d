// What a call of the core says when it refuses its arguments.
//
// Memory:  one std::string; empty means success.
// Threads: a value; no shared state.
//
// The core throws nothing of its own and aborts nowhere. A refusal is a sentence that names the argument and, where it
// can, the position in it; the caller puts the table's name in front. Running out of memory stays std::bad_alloc; each
// function makes room before it changes a row, so the table behind it is whole, with some rows born or none.
#pragma once

#include <string>
#include <utility>

namespace tandem {

class [[nodiscard]] Status {
 public:
  Status() = default;

  static Status Refused(std::string why) {
    Status status;
    status.why_ = std::move(why);
    return status;
  }

  bool ok() const { return why_.empty(); }
  const std::string& why() const { return why_; }

 private:
  std::string why_;
};

}  // namespace tandem
