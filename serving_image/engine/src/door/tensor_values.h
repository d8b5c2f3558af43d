// Walks over the repeated values of a TensorView; its bytes were parsed before, so nothing here can fail.
//
// Memory:  points into the request.
// Threads: pure functions.
#pragma once

#include <string_view>

#include "door/predict_request.h"
#include "door/wire_reader.h"

namespace tandem::serving::door {

namespace tensor_field {
inline constexpr uint32_t kDType = 1, kShape = 2, kContent = 4, kFloat = 5, kString = 8, kInt64 = 10;
}

inline constexpr uint32_t kMapKey = 1, kMapValue = 2;

// Calls visit(field, reader) for each field of the tensor, which must read the value or skip it.
template <typename Visit>
bool ForEachTensorField(std::string_view entry, Visit&& visit) {
  return ForEachBytes(entry, kMapValue, [&visit](std::string_view tensor) {
    WireReader reader(tensor);
    Field field;
    while (reader.Next(&field)) {
      if (!visit(field, &reader)) return false;
    }
    return reader.ok();
  });
}

template <typename Visit>
void ForEachString(const TensorView& tensor, Visit&& visit) {
  ForEachTensorField(tensor.entry, [&](Field field, WireReader* reader) {
    std::string_view value;
    if (!field.Is(tensor_field::kString, Wire::kBytes)) return reader->Skip(field);
    if (!reader->Bytes(&value)) return false;
    visit(value);
    return true;
  });
}

}  // namespace tandem::serving::door
