// What a call of TensorFlow's C API came to.
//
// Memory:  a TF_Status.
// Threads: one.
#pragma once

#include <string>

#include "core/status.h"
#include "dense/tensorflow_api.h"

namespace tandem::serving {

class Outcome {
 public:
  explicit Outcome(const TensorFlow& api) : api_(api), status_(api.TF_NewStatus()) {}
  ~Outcome() { api_.TF_DeleteStatus(status_); }
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;

  operator TF_Status*() { return status_; }
  bool ok() const { return api_.TF_GetCode(status_) == kTensorFlowOk; }
  Status Refusal(const std::string& what) const { return Status::Refused(what + ": " + api_.TF_Message(status_)); }

 private:
  const TensorFlow& api_;
  TF_Status* status_;
};

}  // namespace tandem::serving
