#include "door/batch_runner.h"

#include <algorithm>

#include "core/finite.h"
#include "door/example_inputs.h"
#include "door/heads.h"
#include "door/selection.h"
#include "door/text.h"

namespace tandem::serving::door {
namespace {

Refusal TooLate() {
  return {Code::kDeadlineExceeded,
          "the deadline passed before work began; ask again with a later one, or ask another replica"};
}

}  // namespace

BatchRunner::BatchRunner(const RunnerOptions& options, Model* model, Metrics* metrics)
    : options_(options), model_(model), metrics_(metrics), worker_(model->NewWorker()) {}

void BatchRunner::Run(const std::vector<Job*>& jobs) {
  const std::optional<int64_t> number = jobs.front()->request.model.version;
  const std::unique_ptr<const Pin> version = model_->Get(number);
  if (version != nullptr) return RunOn(*version, jobs);
  const Refusal absent = NotHere(number, model_->Here());
  for (Job* job : jobs) {
    const Refusal refusal = CheckName(options_.served_name, job->request.model.name);
    job->Done(refusal.ok() ? absent : refusal, nullptr);
  }
}

void BatchRunner::RunOn(const Pin& version, const std::vector<Job*>& jobs) {
  Admit(version.spec(), jobs);
  if (used_ == 0) return;
  const Status status = Compute(version);
  for (size_t i = 0; i < used_; ++i) Tell(version, status, parts_[i]);
}

void BatchRunner::Admit(const ModelSpec& spec, const std::vector<Job*>& jobs) {
  const Clock::time_point now = Clock::now();
  inputs_.Begin(spec);
  used_ = 0;
  if (parts_.size() < jobs.size()) parts_.resize(jobs.size());
  for (Job* job : jobs) {
    metrics_->Time(Stage::kQueue, Nanoseconds(now - job->arrived));
    Part& part = parts_[used_];
    const Refusal refusal = job->deadline <= now ? TooLate() : AdmitOne(spec, job, &part);
    if (refusal.ok()) {
      ++used_;
    } else {
      job->Done(refusal, nullptr);
    }
  }
}

Refusal BatchRunner::AdmitOne(const ModelSpec& spec, Job* job, Part* part) {
  part->job = job;
  part->from = inputs_.rows();
  Refusal refusal = CheckName(options_.served_name, job->request.model.name);
  if (refusal.ok() && job->examples != nullptr) return AdmitExamples(spec, *job->examples, part);
  if (refusal.ok()) refusal = CheckSignature(job->request.model.signature);
  if (refusal.ok()) refusal = Check(spec, job->request, options_.most_rows, &part->checked);
  return refusal.ok() ? inputs_.Append(part->checked) : refusal;
}

Refusal BatchRunner::AdmitExamples(const ModelSpec& spec, const ExampleRequest& request, Part* part) {
  Refusal refusal = ChooseHeads(spec, request.tasks, &part->checked.outputs);
  if (refusal.ok()) refusal = AppendExamples(spec, request, options_.most_rows, &inputs_);
  part->checked.rows = request.examples;
  return refusal;
}

Status BatchRunner::Compute(const Pin& version) {
  const size_t rows = inputs_.rows();
  const size_t most = model_->most_rows();
  const size_t outputs = version.spec().outputs.size();
  outputs_.resize(std::max(outputs_.size(), outputs));
  places_.resize(outputs);
  for (size_t k = 0; k < outputs; ++k) {
    if (outputs_[k].size() < rows) outputs_[k].resize(rows);
  }
  StageTimes times;
  for (size_t from = 0; from < rows; from += most) {
    for (size_t k = 0; k < outputs; ++k) places_[k] = outputs_[k].data() + from;
    const Batch batch = inputs_.Slice(from, std::min(most, rows - from));
    Status status = worker_->Run(version, batch, places_.data(), &times);
    if (!status.ok()) return status;
  }
  metrics_->Time(Stage::kGather, times.gather);
  metrics_->Time(Stage::kDense, times.dense);
  metrics_->Batched(used_, rows);
  return {};
}

void BatchRunner::Tell(const Pin& version, const Status& status, const Part& part) {
  const ModelSpec& spec = version.spec();
  if (!status.ok()) {
    return part.job->Done(
        {Code::kInternal, "version " + version.name().text() + " can't answer this request: " + status.why()}, nullptr);
  }
  const size_t rows = part.checked.rows;
  for (size_t k = 0; k < spec.outputs.size(); ++k) {
    places_[k] = outputs_[k].data() + part.from;
    const size_t at = FirstNotFinite(places_[k], rows);
    if (at == rows) continue;
    return part.job->Done(
        {Code::kInternal, "output " + Quoted(spec.outputs[k]) + " is not finite in row " + std::to_string(at) +
                              "; its numeric inputs are far outside of what the model knows"},
        nullptr);
  }
  const Answer answer{version.name(), &spec, &part.checked.outputs, places_.data(), rows};
  part.job->Done(Refusal::None(), &answer);
}

}  // namespace tandem::serving::door
