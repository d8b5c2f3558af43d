#include "door/predict_response.h"

#include <cstring>
#include <string>

namespace tandem::serving::door {
namespace {

constexpr uint8_t kDtFloat = 1;

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

size_t BytesSize(size_t size) { return 1 + VarintSize(size) + size; }

uint8_t* PutVarint(uint8_t* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<uint8_t>(value | 0x80);
  *out++ = static_cast<uint8_t>(value);
  return out;
}

uint8_t* PutHead(uint8_t* out, uint8_t field, size_t size) {
  *out++ = static_cast<uint8_t>(field << 3 | 2);
  return PutVarint(out, size);
}

uint8_t* PutBytes(uint8_t* out, uint8_t field, const void* data, size_t size) {
  out = PutHead(out, field, size);
  if (size > 0) std::memcpy(out, data, size);
  return out + size;
}

// Sizes of the messages inside of each other: dim in shape in tensor in entry.
struct Sizes {
  size_t dim, shape, tensor;

  explicit Sizes(size_t rows) {
    dim = rows == 0 ? 0 : 1 + VarintSize(rows);
    shape = BytesSize(dim);
    tensor = 2 + BytesSize(shape) + (rows == 0 ? 0 : BytesSize(rows * sizeof(float)));
  }

  size_t Entry(size_t name) const { return BytesSize(name) + BytesSize(tensor); }
};

size_t VersionSize(int64_t version) { return version == 0 ? 0 : 1 + VarintSize(static_cast<uint64_t>(version)); }

size_t ModelSize(const PredictResponse& response) {
  return BytesSize(response.model.size()) + BytesSize(VersionSize(response.version)) + BytesSize(kSignature.size());
}

}  // namespace

size_t PredictResponseSize(const PredictResponse& response) {
  const Sizes sizes(response.rows);
  size_t total = BytesSize(ModelSize(response));
  for (size_t k : *response.outputs) total += BytesSize(sizes.Entry(response.spec->outputs[k].size()));
  return total;
}

void WritePredictResponse(const PredictResponse& response, uint8_t* out) {
  const Sizes sizes(response.rows);
  for (size_t k : *response.outputs) {
    const std::string& name = response.spec->outputs[k];
    out = PutHead(out, 1, sizes.Entry(name.size()));
    out = PutBytes(out, 1, name.data(), name.size());
    out = PutHead(out, 2, sizes.tensor);
    *out++ = 1 << 3;  // dtype
    *out++ = kDtFloat;
    out = PutHead(out, 2, sizes.shape);
    out = PutHead(out, 2, sizes.dim);
    if (response.rows == 0) continue;
    *out++ = 1 << 3;  // size
    out = PutVarint(out, response.rows);
    out = PutBytes(out, 4, response.values[k], response.rows * sizeof(float));
  }
  out = PutHead(out, 2, ModelSize(response));
  out = PutBytes(out, 1, response.model.data(), response.model.size());
  out = PutHead(out, 2, VersionSize(response.version));
  if (response.version != 0) {
    *out++ = 1 << 3;
    out = PutVarint(out, static_cast<uint64_t>(response.version));
  }
  PutBytes(out, 3, kSignature.data(), kSignature.size());
}

}  // namespace tandem::serving::door
