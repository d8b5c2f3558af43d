// The dense chain and nothing else, by oneDNN on the calling thread: gemm ROWS SECONDS WIDTH WIDTH…
//
// Matrix products with ReLU fused between the widths, weights packed ahead; no bias, no gather, no server. Prints rows
// per second. It says what the machine's one core can do with a library that is tuned for it.
//
// Memory:  the weights and two activations.
// Threads: one.
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <random>
#include <unordered_map>
#include <vector>

namespace {

double Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void Fill(dnnl::memory* memory, float spread) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> values(-spread, spread);
  auto* at = static_cast<float*>(memory->get_data_handle());
  for (size_t i = 0; i < memory->get_desc().get_size() / sizeof(float); ++i) at[i] = values(random);
}

double RowsPerSecond(dnnl::memory::dim rows, double seconds, const std::vector<dnnl::memory::dim>& widths) {
  using dnnl::memory;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  std::vector<dnnl::matmul> layers;
  std::vector<std::unordered_map<int, memory>> arguments;
  memory from(memory::desc({rows, widths[0]}, memory::data_type::f32, memory::format_tag::ab), engine);
  Fill(&from, 1.0F);
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const memory::desc weights({widths[i], widths[i + 1]}, memory::data_type::f32, memory::format_tag::any);
    const memory::desc out({rows, widths[i + 1]}, memory::data_type::f32, memory::format_tag::ab);
    dnnl::post_ops after;
    if (i + 2 < widths.size()) after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
    const dnnl::matmul::primitive_desc described({from.get_desc(), weights, out}, attributes, engine);
    memory packed(described.weights_desc(), engine), to(out, engine);
    Fill(&packed, 0.1F);
    layers.emplace_back(described);
    arguments.push_back({{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, to}});
    from = to;
  }
  const auto run = [&] {
    for (size_t i = 0; i < layers.size(); ++i) layers[i].execute(stream, arguments[i]);
    stream.wait();
  };
  for (int i = 0; i < 20; ++i) run();
  size_t runs = 0;
  const double begin = Now();
  double taken = 0;
  do {
    for (int i = 0; i < 10; ++i) run();
    runs += 10;
    taken = Now() - begin;
  } while (taken < seconds);
  return static_cast<double>(rows) * static_cast<double>(runs) / taken;
}

}  // namespace

int main(int count, char** words) {
  if (count < 5) {
    std::fprintf(stderr, "gemm ROWS SECONDS WIDTH WIDTH…\n");
    return 2;
  }
  std::vector<dnnl::memory::dim> widths;
  for (int i = 3; i < count; ++i) widths.push_back(std::atol(words[i]));
  std::printf("%.1f\n", RowsPerSecond(std::atol(words[1]), std::atof(words[2]), widths));
}
