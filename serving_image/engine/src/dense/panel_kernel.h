// Dense layers by a kernel of our own: AVX2, weights in panels of sixteen columns, any batch without padding.
//
// Memory:  column panel p holds kernel rows one after another, sixteen floats each, so that a layer reads its weights
// once
//          from front to back; the last panel is filled up with zeros, as is the bias.
// Threads: as LayerKernel.
//
// An output is bias + x[0] w[0] + x[1] w[1] …, in this order, each step one fused multiply-add, whatever the batch and
// the row's place in it: a row's answer has the same bits in any company. Where ReLU made the inputs, steps that add
// zero are left out if that is faster (sparse_panels.h). Rows that begin alike (one user, many
// candidates) have their common front computed once per block of at most 96; a model gains by features of the user
// standing first. On a CPU with AVX2 alone it takes three quarters of the time of oneDNN 2.6 (README); with AVX-512
// oneDNN has better kernels, and warm-up takes them.
#pragma once

#include <memory>
#include <vector>

#include "dense/layer_kernel.h"

namespace tandem::serving {

std::unique_ptr<LayerKernel> NewPanelKernel(std::vector<LayerShape> layers);

}  // namespace tandem::serving
