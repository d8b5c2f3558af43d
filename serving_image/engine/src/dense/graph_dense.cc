#include "dense/graph_dense.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "dense/device_session.h"
#include "dense/graph_plan.h"
#include "dense/graph_warm_up.h"

namespace tandem::serving {
namespace {

using nlohmann::json;

struct GraphWeights : DenseWeights {
  std::shared_ptr<const DeviceSession> session;
  std::unique_ptr<const DenseWeights> plain;
  Slots slots;                  // the CPU's handles refer to them
  std::vector<Tensor> handles;  // none: this version was made without the graph

  ~GraphWeights() override { session->Forget(handles); }
  size_t bytes() const override {
    size_t sum = plain->bytes();
    for (const Floats& slot : slots) sum += slot.bytes();
    return sum;
  }
};

// All features of a batch side by side.
struct Matrix {
  Floats floats;
  std::vector<FeatureRoom> rooms;
  std::vector<Tensor> tensors;  // per size, on that memory
};

class GraphDense final : public Dense {
 public:
  GraphDense(const GraphOptions& options, PlainParts parts, std::unique_ptr<Dense> plain,
             std::shared_ptr<const DeviceSession> session, std::string device)
      : options_(options),
        parts_(std::move(parts)),
        plain_(std::move(plain)),
        session_(std::move(session)),
        device_(std::move(device)),
        in_use_(parts_.sizes.size()) {
    for (size_t f = 0; f < plain_->features(); ++f) width_ += plain_->width(f);
    for (auto& used : in_use_) used = true;
  }

  size_t features() const override { return plain_->features(); }
  size_t width(size_t feature) const override { return plain_->width(feature); }
  size_t outputs() const override { return plain_->outputs(); }
  size_t largest() const override { return plain_->largest(); }
  Status Prepare(const float* const* weights, std::unique_ptr<const DenseWeights>* made) const override;
  Status WarmUp(const DenseWeights& weights, std::string* report) override;
  std::unique_ptr<DenseScratch> NewScratch() const override;
  Status Run(const DenseWeights& weights, DenseScratch* scratch, size_t batch, float* const* outputs) const override;

 private:
  friend struct GraphScratch;

  size_t IndexOf(size_t batch) const {
    const auto& sizes = parts_.sizes;
    return static_cast<size_t>(std::lower_bound(sizes.begin(), sizes.end() - 1, batch) - sizes.begin());
  }
  Status Put(const float* const* weights, GraphWeights* made) const;
  Status RunGraph(const GraphWeights& weights, struct GraphScratch* scratch, size_t batch, float* const* outputs) const;
  void GiveUp(const std::string& why) const;

  const GraphOptions options_;
  const PlainParts parts_;
  const std::unique_ptr<Dense> plain_;
  const std::shared_ptr<const DeviceSession> session_;  // weights may outlive this
  const std::string device_;
  size_t width_ = 0;
  mutable std::vector<std::atomic<bool>> in_use_;  // per size
};

// Remembers where the last Room was, so that a batch is computed where it was written.
struct GraphScratch : DenseScratch {
  explicit GraphScratch(const GraphDense& owner) : dense(owner), plain(owner.plain_->NewScratch()) {}

  const FeatureRoom* Room(size_t batch) override {
    captured = dense.in_use_[dense.IndexOf(batch)].load(std::memory_order_relaxed);
    if (!captured) return plain->Room(batch);
    if (matrix.rooms.empty()) MakeMatrix();
    return matrix.rooms.data();
  }

  // The same rows where the plain form reads them.
  void CopyToPlain(size_t batch) {
    const FeatureRoom* to = plain->Room(batch);
    for (size_t f = 0; f < matrix.rooms.size(); ++f) {
      const FeatureRoom& from = matrix.rooms[f];
      for (size_t row = 0; row < batch; ++row) {
        std::memcpy(to[f].data + row * to[f].stride, from.data + row * from.stride, from.width * sizeof(float));
      }
    }
    captured = false;
  }

  void MakeMatrix() {
    matrix.floats = Floats(dense.largest() * dense.width_);
    float* at = matrix.floats.data();
    for (size_t f = 0; f < dense.features(); at += dense.width(f), ++f) {
      matrix.rooms.push_back({at, dense.width_, dense.width(f)});
    }
    for (size_t size : dense.parts_.sizes) {
      matrix.tensors.push_back(Borrow(dense.session_->api(), matrix.floats.data(),
                                      {static_cast<int64_t>(size), static_cast<int64_t>(dense.width_)}));
    }
  }

  const GraphDense& dense;
  std::unique_ptr<DenseScratch> plain;
  Matrix matrix;  // of the first batch that a graph computes
  std::vector<TF_Tensor*> inputs;
  bool captured = false;
};

Status GraphDense::Put(const float* const* weights, GraphWeights* made) const {
  if (Status status = parts_.fold->Run(weights, &made->slots); !status.ok()) return status;
  std::vector<Tensor> values;
  for (size_t i = 0; i < made->slots.size(); ++i) {
    const std::vector<size_t>& shape = parts_.program->slots[i].shape;
    values.push_back(Borrow(session_->api(), made->slots[i].data(), {shape.begin(), shape.end()}));
  }
  return session_->Keep(values, &made->handles);
}

Status GraphDense::Prepare(const float* const* weights, std::unique_ptr<const DenseWeights>* made) const {
  auto packed = std::make_unique<GraphWeights>();
  packed->session = session_;
  if (Status status = plain_->Prepare(weights, &packed->plain); !status.ok()) return status;
  const bool wanted = std::any_of(in_use_.begin(), in_use_.end(), [](const auto& used) { return used.load(); });
  if (wanted) {
    if (const Status status = Put(weights, packed.get()); !status.ok()) GiveUp(status.why());
  }
  *made = std::move(packed);
  return {};
}

Status GraphDense::WarmUp(const DenseWeights& weights, std::string* report) {
  const auto& packed = static_cast<const GraphWeights&>(weights);
  if (Status status = plain_->WarmUp(*packed.plain, report); !status.ok()) return status;
  const auto right = plain_->NewScratch();
  const auto run_plain = [&](size_t rows, const GraphFill& fill, float* const* outputs) {
    fill(right->Room(rows));
    return plain_->Run(*packed.plain, right.get(), rows, outputs);
  };
  GraphScratch scratch(*this);
  const auto run_graph = [&](size_t rows, const GraphFill& fill, float* const* outputs) {
    if (packed.handles.empty()) return Status::Refused("the weights are not on the device");
    const FeatureRoom* rooms = scratch.Room(rows);
    if (!scratch.captured) return Status::Refused("it failed before");
    if (fill) fill(rooms);
    return RunGraph(packed, &scratch, rows, outputs);
  };
  std::vector<WarmedBucket> warmed;
  const Status status = WarmUpGraph(*this, parts_.sizes, run_graph, run_plain, &warmed);
  json line = ReportOf(warmed);
  line["device"] = device_;
  std::string why = status.why();
  for (const WarmedBucket& bucket : warmed) {
    if (bucket.why.empty()) continue;
    in_use_[IndexOf(bucket.rows)] = false;
    if (why.empty()) why = bucket.why;
  }
  if (!status.ok()) {
    GiveUp(why);
  } else {
    options_.state->Set(why.empty() ? GraphState::Is::kOn : GraphState::Is::kFallback, why);
  }
  line["state"] = why.empty() ? "on" : "fallback";
  line["why"] = why;
  json whole = json::parse(*report, nullptr, false);
  if (whole.is_object()) {
    AddToSizes(warmed, &whole);
    whole["graph"] = std::move(line);
    *report = whole.dump();
  }
  return {};
}

std::unique_ptr<DenseScratch> GraphDense::NewScratch() const { return std::make_unique<GraphScratch>(*this); }

Status GraphDense::RunGraph(const GraphWeights& weights, GraphScratch* scratch, size_t batch,
                            float* const* outputs) const {
  const size_t index = IndexOf(batch);
  scratch->inputs.assign(1, scratch->matrix.tensors[index].get());
  for (const Tensor& handle : weights.handles) scratch->inputs.push_back(handle.get());
  Tensor answers;
  if (Status status = session_->Run(scratch->inputs, &answers); !status.ok()) return status;
  const TensorFlow& api = session_->api();
  const size_t rows = parts_.sizes[index];
  if (api.TF_NumDims(answers.get()) != 2 || api.TF_Dim(answers.get(), 0) != static_cast<int64_t>(plain_->outputs()) ||
      api.TF_Dim(answers.get(), 1) != static_cast<int64_t>(rows)) {
    return Status::Refused("the captured graph must give one float for each output and row");
  }
  const auto* floats = static_cast<const float*>(api.TF_TensorData(answers.get()));
  for (size_t k = 0; k < plain_->outputs(); ++k) std::copy_n(floats + k * rows, batch, outputs[k]);
  return {};
}

Status GraphDense::Run(const DenseWeights& weights, DenseScratch* scratch, size_t batch, float* const* outputs) const {
  const auto& packed = static_cast<const GraphWeights&>(weights);
  auto* own = static_cast<GraphScratch*>(scratch);
  if (own->captured && !packed.handles.empty()) {
    const Status status = RunGraph(packed, own, batch, outputs);
    if (status.ok()) {
      options_.state->CountCaptured();
      return status;
    }
    GiveUp(status.why());
  }
  if (own->captured) {
    options_.state->CountFallback();
    own->CopyToPlain(batch);
  }
  return plain_->Run(*packed.plain, own->plain.get(), batch, outputs);
}

void GraphDense::GiveUp(const std::string& why) const {
  for (auto& used : in_use_) used.store(false, std::memory_order_relaxed);
  options_.state->Set(GraphState::Is::kFallback, why);
}

bool ReadWhole(const std::string& path, std::string* bytes) {
  std::ifstream file(path, std::ios::binary);
  bytes->assign(std::istreambuf_iterator<char>(file), {});
  return file.is_open() && !file.bad();
}

Status OpenSession(const TensorFlow* api, const std::string& folder, GraphDevice wanted, const Program& program,
                   std::shared_ptr<const DeviceSession>* session, std::string* device) {
  if (api == nullptr) return Status::Refused("this engine runs without TensorFlow; give it --tensorflow");
  bool gpu = false;
  if (Status status = DeviceSession::FindGpu(*api, &gpu); !status.ok()) return status;
  if (!gpu && wanted == GraphDevice::kGpu) {
    return Status::Refused(
        "TensorFlow sees no GPU; give the pod one and an image built with TENSORFLOW=cuda, or set "
        "serving.gpu.cudaGraph.enabled to false");
  }
  *device = gpu ? "/device:GPU:0" : "/device:CPU:0";
  std::string text, graph;
  if (!ReadWhole(folder + "/graph.json", &text)) return Status::Refused("nothing of this base is captured");
  GraphPlan plan;
  if (Status status = ParseGraphPlan(text, program, &plan); !status.ok()) return status;
  if (!ReadWhole(folder + "/" + plan.graph, &graph)) return Status::Refused(plan.graph + " can't be read");
  std::unique_ptr<DeviceSession> opened;
  Status status = DeviceSession::Open(*api, plan, graph, *device, &opened);
  *session = std::move(opened);
  return status;
}

}  // namespace

std::unique_ptr<Dense> WithGraph(const TensorFlow* api, const std::string& folder, const GraphOptions& options,
                                 const PlainParts& parts, std::unique_ptr<Dense> plain) {
  if (options.device == GraphDevice::kNone) return plain;
  std::shared_ptr<const DeviceSession> session;
  std::string device;
  const Status status = OpenSession(api, folder, options.device, *parts.program, &session, &device);
  if (!status.ok()) {
    options.state->Set(GraphState::Is::kUnavailable, status.why());
    return plain;
  }
  return std::make_unique<GraphDense>(options, parts, std::move(plain), std::move(session), std::move(device));
}

}  // namespace tandem::serving
