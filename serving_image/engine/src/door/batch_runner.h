// Answers a handful of requests from one version: pins it, checks each request against its contract, computes what
// passed as one batch, and tells each request its part.
//
// Memory:  the arrays of the largest batch there was, inputs and outputs; a batch in steady state allocates little.
// Threads: one engine thread's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "door/batch_inputs.h"
#include "door/job.h"
#include "door/metrics.h"
#include "door/model.h"

namespace tandem::serving::door {

struct RunnerOptions {
  std::string served_name;
  size_t most_rows = 8192;  // of one request
};

class BatchRunner {
 public:
  // Model and metrics outlive it.
  BatchRunner(const RunnerOptions& options, Model* model, Metrics* metrics);

  // All jobs ask for the same version. Each is Done when this returns.
  void Run(const std::vector<Job*>& jobs);

 private:
  struct Part {
    Job* job = nullptr;
    Checked checked;
    size_t from = 0;  // its first row in the batch
  };

  void RunOn(const Pin& version, const std::vector<Job*>& jobs);
  // Takes the jobs that can be answered into parts_ and inputs_; tells the others why not.
  void Admit(const ModelSpec& spec, const std::vector<Job*>& jobs);
  Refusal AdmitOne(const ModelSpec& spec, Job* job, Part* part);
  Refusal AdmitExamples(const ModelSpec& spec, const ExampleRequest& request, Part* part);
  Status Compute(const Pin& version);
  void Tell(const Pin& version, const Status& status, const Part& part);

  RunnerOptions options_;
  Model* model_;
  Metrics* metrics_;
  std::unique_ptr<Worker> worker_;
  BatchInputs inputs_;
  std::vector<Part> parts_;
  size_t used_ = 0;  // of parts_, which keep their memory
  std::vector<std::vector<float>> outputs_;
  std::vector<float*> places_;
};

}  // namespace tandem::serving::door
