#include "dense/chain_engine.h"

#include <algorithm>
#include <string>
#include <utility>

#include "dense/arithmetic.h"
#include "dense/denormals.h"
#include "dense/layout.h"

namespace tandem::serving {
namespace {

struct ChainWeights : DenseWeights {
  std::vector<std::unique_ptr<const PackedLayer>> layers;  // per dense layer
  std::vector<Floats> operands;                            // per step; the slot of an add or mul

  size_t bytes() const override {
    size_t sum = 0;
    for (const auto& layer : layers) sum += layer->bytes();
    for (const Floats& operand : operands) sum += operand.bytes();
    return sum;
  }
};

struct ChainScratch : DenseScratch {
  std::vector<Floats> buffers;
  std::vector<Out> values;
  std::vector<FeatureRoom> rooms;
  std::unique_ptr<LayerState> layers;

  // The same for every batch: what a smaller one leaves of a larger one's rows is computed with or not, and never read.
  const FeatureRoom* Room(size_t) override { return rooms.data(); }
};

class ChainEngine : public Engine {
 public:
  ChainEngine(const Program& program, std::unique_ptr<LayerKernel> kernel, size_t largest)
      : program_(program),
        kernel_(std::move(kernel)),
        samples_(kernel_->Samples(largest)),
        layout_(MakeLayout(program)) {}

  const char* name() const override { return kernel_->name(); }

  Status Pack(const std::shared_ptr<const Slots>& slots, std::unique_ptr<const DenseWeights>* made) const override {
    auto weights = std::make_unique<ChainWeights>();
    for (const Step& step : program_.chain) {
      Floats operand;
      if (step.kind == StepKind::kDense) {
        const float* bias = step.bias == kNone ? nullptr : (*slots)[step.bias].data();
        std::unique_ptr<const PackedLayer> packed;
        if (Status status = kernel_->Pack(weights->layers.size(), (*slots)[step.slot].data(), bias, &packed);
            !status.ok()) {
          return status;
        }
        weights->layers.push_back(std::move(packed));
      } else if (step.slot != kNone) {
        const Floats& slot = (*slots)[step.slot];
        operand = Floats(slot.size());
        std::copy_n(slot.data(), slot.size(), operand.data());
      }
      weights->operands.push_back(std::move(operand));
    }
    *made = std::move(weights);
    return {};
  }

  std::unique_ptr<DenseScratch> NewScratch() const override {
    auto scratch = std::make_unique<ChainScratch>();
    for (size_t floats : layout_.buffers) scratch->buffers.emplace_back(floats * samples_);
    for (const Place& place : layout_.places) {
      scratch->values.push_back({scratch->buffers[place.buffer].data() + place.offset, place.stride});
    }
    for (size_t i = 0; i < program_.features.size(); ++i) {
      scratch->rooms.push_back({scratch->values[i].data, scratch->values[i].stride, program_.features[i].width});
    }
    std::vector<LayerPlace> places;
    for (size_t i = 0; i < program_.chain.size(); ++i) {
      const Step& step = program_.chain[i];
      if (step.kind != StepKind::kDense) continue;
      const Out in = scratch->values[step.in[0]];
      places.push_back({{in.data, in.stride}, scratch->values[program_.features.size() + i]});
    }
    scratch->layers = kernel_->NewState(places);
    return scratch;
  }

  Status Run(const DenseWeights& any_weights, DenseScratch* any_scratch, size_t batch,
             float* const* outputs) const override {
    const auto& weights = static_cast<const ChainWeights&>(any_weights);
    auto* scratch = static_cast<ChainScratch*>(any_scratch);
    const FlushDenormals flush;
    size_t layer = 0;
    for (size_t i = 0; i < program_.chain.size(); ++i) {
      if (program_.chain[i].kind == StepKind::kDense) {
        Status status = kernel_->Run(layer, *weights.layers[layer], scratch->layers.get(), batch);
        if (!status.ok()) return status;
        ++layer;
      } else {
        RunStep(i, weights.operands[i], scratch->values, batch);
      }
    }
    for (size_t k = 0; k < program_.chain_outputs.size(); ++k) {
      const Out value = scratch->values[program_.chain_outputs[k]];
      CopyRows(batch, 1, {value.data, value.stride}, {outputs[k], 1});
    }
    return {};
  }

 private:
  void RunStep(size_t index, const Floats& slot, const std::vector<Out>& values, size_t batch) const {
    const Step& step = program_.chain[index];
    const Out out = values[program_.features.size() + index];
    const size_t rows = batch * step.rows;
    const auto in = [&](size_t i) { return In{values[step.in[i]].data, values[step.in[i]].stride}; };
    // Of an add or mul: what is as wide as the result, and the other.
    const bool spread = step.slot != kNone && program_.width(step.in[0]) < step.width;
    const auto first = [&]() { return spread ? In{slot.data(), 0} : in(0); };
    const auto second = [&]() {
      if (spread) return Operand{in(0).data, in(0).stride, false};
      if (step.slot != kNone) return Operand{slot.data(), 0, slot.size() == step.width};
      return Operand{in(1).data, in(1).stride, program_.width(step.in[1]) == step.width};
    };
    switch (step.kind) {
      case StepKind::kConcat:
        for (const Copy& copy : layout_.copies[index]) {
          const Out from = values[copy.value];
          CopyRows(rows, program_.width(copy.value), {from.data, from.stride}, {out.data + copy.column, out.stride});
        }
        return;
      case StepKind::kAdd:
        return AddRows(rows, step.width, first(), second(), out);
      case StepKind::kMul:
        return MulRows(rows, step.width, first(), second(), out);
      case StepKind::kRelu:
        return ReluRows(rows, step.width, in(0), out);
      case StepKind::kSigmoid:
        return SigmoidRows(rows, step.width, in(0), out);
      case StepKind::kDot:
        return DotRows(rows, program_.width(step.in[0]), in(0), in(1), out);
      case StepKind::kReshape:
        for (const Copy& copy : layout_.copies[index]) {
          const Out from = values[copy.value];
          const size_t width = program_.width(copy.value);
          CopyRows(batch * program_.rows(copy.value), width, {from.data, from.stride}, {out.data, width});
        }
        return;
      case StepKind::kSlice:  // a view
      case StepKind::kDense:
        return;
    }
  }

  const Program& program_;
  std::unique_ptr<LayerKernel> kernel_;
  size_t samples_;
  Layout layout_;
};

// Whether ReLU made all of a value.
bool Rectified(const Program& program, size_t value) {
  if (value < program.features.size()) return false;
  const Step& step = program.chain[value - program.features.size()];
  switch (step.kind) {
    case StepKind::kRelu:
      return true;
    case StepKind::kDense:
      return step.activation == Activation::kRelu;
    case StepKind::kConcat:
    case StepKind::kSlice:
    case StepKind::kReshape:
      return std::all_of(step.in.begin(), step.in.end(), [&](size_t in) { return Rectified(program, in); });
    default:
      return false;
  }
}

}  // namespace

std::vector<LayerShape> LayersOf(const Program& program) {
  const Layout layout = MakeLayout(program);
  std::vector<LayerShape> layers;
  for (size_t i = 0; i < program.chain.size(); ++i) {
    const Step& step = program.chain[i];
    if (step.kind != StepKind::kDense) continue;
    layers.push_back({program.width(step.in[0]), step.width, step.rows, layout.places[step.in[0]].stride,
                      layout.places[program.features.size() + i].stride, step.activation,
                      Rectified(program, step.in[0])});
  }
  return layers;
}

std::unique_ptr<Engine> NewChainEngine(const Program& program, std::unique_ptr<LayerKernel> kernel, size_t largest) {
  return std::make_unique<ChainEngine>(program, std::move(kernel), largest);
}

}  // namespace tandem::serving
