#include "dense/onednn_kernel.h"

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <dnnl.hpp>
#include <string>
#include <utility>

#include "dense/bfloat16.h"
#include "dense/floats.h"

namespace tandem::serving {
namespace {

using dnnl::memory;
using Type = memory::data_type;

// OpenMP keeps the number of threads per calling thread; with one, oneDNN never enters OpenMP.
void BeAlone() {
  thread_local bool alone = false;
  if (alone) return;
  omp_set_num_threads(1);
  alone = true;
}

memory::dims Dims(size_t rows, size_t columns) {
  return {static_cast<memory::dim>(rows), static_cast<memory::dim>(columns)};
}

memory::desc Rows(size_t rows, size_t columns, size_t stride, Type type) {
  return memory::desc(Dims(rows, columns), type, Dims(stride, 1));
}

// One layer at one size.
struct Primitive {
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
  size_t layout = 0;  // of the layer's weights
};

struct Layer {
  std::vector<Primitive> sizes;
  std::vector<memory::desc> layouts;  // distinct ones
};

struct OneDnnLayer : PackedLayer {
  std::vector<Floats> room;     // per layout, then the bias
  std::vector<memory> weights;  // per layout
  memory bias;

  size_t bytes() const override {
    size_t sum = 0;
    for (const Floats& floats : room) sum += floats.bytes();
    return sum;
  }
};

struct OneDnnState : LayerState {
  explicit OneDnnState(const dnnl::engine& engine) : stream(engine) {}

  struct Arguments {
    memory in, out, scratchpad;
  };

  dnnl::stream stream;
  std::vector<LayerPlace> places;
  std::vector<std::vector<Arguments>> arguments;  // per layer and size
  Floats narrow;                                  // one layer's input in bfloat16
  Floats scratchpad;
};

class OneDnnKernel : public LayerKernel {
 public:
  OneDnnKernel(std::vector<LayerShape> shapes, std::vector<size_t> sizes, Precision precision)
      : engine_(dnnl::engine::kind::cpu, 0),
        shapes_(std::move(shapes)),
        sizes_(std::move(sizes)),
        type_(precision == Precision::kBfloat16 ? Type::bf16 : Type::f32) {
    std::sort(sizes_.begin(), sizes_.end());
    for (const LayerShape& shape : shapes_) layers_.push_back(MakeLayer(shape));
  }

  const char* name() const override { return narrow() ? "onednn-bf16" : "onednn"; }
  size_t Samples(size_t batch) const override { return sizes_[SizeOf(batch)]; }

  Status Pack(size_t index, const float* kernel, const float* bias,
              std::unique_ptr<const PackedLayer>* made) const override try {
    BeAlone();
    const LayerShape& shape = shapes_[index];
    auto packed = std::make_unique<OneDnnLayer>();
    dnnl::stream stream(engine_);
    memory plain(Rows(shape.in, shape.out, shape.out, Type::f32), engine_, const_cast<float*>(kernel));
    for (const memory::desc& layout : layers_[index].layouts) {
      packed->room.emplace_back(FloatsFor(layout.get_size()));
      packed->weights.emplace_back(layout, engine_, packed->room.back().data());
      dnnl::reorder(plain, packed->weights.back()).execute(stream, plain, packed->weights.back());
    }
    packed->room.emplace_back(shape.out);
    if (bias != nullptr) std::copy_n(bias, shape.out, packed->room.back().data());
    packed->bias = memory(BiasOf(shape), engine_, packed->room.back().data());
    stream.wait();
    *made = std::move(packed);
    return {};
  } catch (const dnnl::error& error) {
    return Status::Refused(std::string("oneDNN can't pack a layer's weights: ") + error.what());
  }

  std::unique_ptr<LayerState> NewState(const std::vector<LayerPlace>& places) const override {
    auto state = std::make_unique<OneDnnState>(engine_);
    state->places = places;
    size_t scratchpad = 0, in = 0;
    for (const Layer& layer : layers_) {
      for (const Primitive& made : layer.sizes) {
        scratchpad = std::max(scratchpad, made.description.scratchpad_desc().get_size());
        in = std::max(in, made.description.src_desc().get_size());
      }
    }
    state->scratchpad = Floats(FloatsFor(scratchpad));
    if (narrow()) state->narrow = Floats(FloatsFor(in));
    for (size_t i = 0; i < layers_.size(); ++i) {
      state->arguments.emplace_back();
      float* from = narrow() ? state->narrow.data() : const_cast<float*>(places[i].in.data);
      for (const Primitive& made : layers_[i].sizes) {
        const auto& description = made.description;
        state->arguments.back().push_back({memory(description.src_desc(), engine_, from),
                                           memory(description.dst_desc(), engine_, places[i].out.data),
                                           memory(description.scratchpad_desc(), engine_, state->scratchpad.data())});
      }
    }
    return state;
  }

  // By the C interface: the other one makes a map for each call.
  Status Run(size_t index, const PackedLayer& any_packed, LayerState* any_state, size_t batch) const override {
    BeAlone();
    const auto& packed = static_cast<const OneDnnLayer&>(any_packed);
    auto* state = static_cast<OneDnnState*>(any_state);
    const size_t size = SizeOf(batch);
    const Primitive& made = layers_[index].sizes[size];
    const OneDnnState::Arguments& own = state->arguments[index][size];
    if (narrow()) {
      RowsToBfloat16(batch * shapes_[index].rows, shapes_[index].in, state->places[index].in,
                     reinterpret_cast<uint16_t*>(state->narrow.data()));
    }
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, own.in.get()},
                                         {DNNL_ARG_WEIGHTS, packed.weights[made.layout].get()},
                                         {DNNL_ARG_BIAS, packed.bias.get()},
                                         {DNNL_ARG_DST, own.out.get()},
                                         {DNNL_ARG_SCRATCHPAD, own.scratchpad.get()}};
    const dnnl_status_t status = dnnl_primitive_execute(made.primitive.get(), state->stream.get(),
                                                        static_cast<int>(std::size(arguments)), arguments);
    if (status == dnnl_success) return {};
    return Status::Refused("oneDNN fails in layer " + std::to_string(index) + " with status " + std::to_string(status));
  }

 private:
  bool narrow() const { return type_ == Type::bf16; }
  static size_t FloatsFor(size_t bytes) { return (bytes + sizeof(float) - 1) / sizeof(float); }
  static memory::desc BiasOf(const LayerShape& shape) { return Rows(1, shape.out, shape.out, Type::f32); }

  // The first size that has room, or the last.
  size_t SizeOf(size_t batch) const {
    const auto found = std::lower_bound(sizes_.begin(), sizes_.end() - 1, batch);
    return static_cast<size_t>(found - sizes_.begin());
  }

  Layer MakeLayer(const LayerShape& shape) const {
    dnnl::primitive_attr attributes;
    // The library's own scratchpad would be shared by threads that run the same primitive.
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    dnnl::post_ops after;
    if (shape.activation == Activation::kRelu) after.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
    if (shape.activation == Activation::kSigmoid) after.append_eltwise(1, dnnl::algorithm::eltwise_logistic, 0, 0);
    attributes.set_post_ops(after);
    Layer layer;
    for (size_t size : sizes_) {
      const size_t rows = size * shape.rows;
      const dnnl::matmul::desc wanted(Rows(rows, shape.in, narrow() ? shape.in : shape.in_stride, type_),
                                      memory::desc(Dims(shape.in, shape.out), type_, memory::format_tag::any),
                                      BiasOf(shape), Rows(rows, shape.out, shape.out_stride, Type::f32));
      Primitive made;
      made.description = dnnl::matmul::primitive_desc(wanted, attributes, engine_);
      made.primitive = dnnl::matmul(made.description);
      const memory::desc weights = made.description.weights_desc();
      const auto found = std::find(layer.layouts.begin(), layer.layouts.end(), weights);
      made.layout = static_cast<size_t>(found - layer.layouts.begin());
      if (found == layer.layouts.end()) layer.layouts.push_back(weights);
      layer.sizes.push_back(std::move(made));
    }
    return layer;
  }

  dnnl::engine engine_;
  std::vector<LayerShape> shapes_;
  std::vector<size_t> sizes_;
  Type type_;
  std::vector<Layer> layers_;
};

}  // namespace

Status NewOneDnnKernel(std::vector<LayerShape> layers, std::vector<size_t> sizes, Precision precision,
                       std::unique_ptr<LayerKernel>* made) try {
  BeAlone();
  *made = std::make_unique<OneDnnKernel>(std::move(layers), std::move(sizes), precision);
  return {};
} catch (const dnnl::error& error) {
  return Status::Refused(std::string("oneDNN has no ") + (precision == Precision::kBfloat16 ? "bfloat16" : "float32") +
                         " product for this CPU: " + error.what());
}

}  // namespace tandem::serving
