// Dense layers by oneDNN: for CPUs with AVX-512, and in bfloat16 where the CPU multiplies it.
//
// Memory:  weights in each layout that oneDNN asks for at one of the sizes, packed once per version; bias and
// activation
//          are part of the product. Per thread the scratchpad, and the inputs in bfloat16 where it computes so.
// Threads: as LayerKernel. Debian's oneDNN is built on OpenMP: every thread that calls is told to be alone.
//
// A batch is computed as the next size, since primitives are made ahead for a few; what the added rows hold is not
// read.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/status.h"
#include "dense/layer_kernel.h"

namespace tandem::serving {

enum class Precision { kFloat32, kBfloat16 };

// Refused where oneDNN can't compute so on this CPU.
Status NewOneDnnKernel(std::vector<LayerShape> layers, std::vector<size_t> sizes, Precision precision,
                       std::unique_ptr<LayerKernel>* made);

}  // namespace tandem::serving
