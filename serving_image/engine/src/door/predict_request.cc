#include "door/predict_request.h"

#include <cstring>

#include "door/text.h"
#include "door/wire_reader.h"

namespace tandem::serving::door {
namespace {

bool Text(WireReader* reader, std::string_view* text) { return reader->Bytes(text) && IsUtf8(*text); }

void Multiply(Shape* shape, int64_t size) {
  if (size < 0) {
    shape->negative = true;
    return;
  }
  // A zero anywhere makes the product zero, also after it left uint64.
  if (size == 0) {
    shape->countless = false;
    shape->count = 0;
  } else if (shape->count != 0 && !shape->countless) {
    shape->countless = __builtin_mul_overflow(shape->count, static_cast<uint64_t>(size), &shape->count);
  }
}

bool ParseDim(std::string_view bytes, Shape* shape) {
  WireReader reader(bytes);
  Field field;
  uint64_t size = 0;
  while (reader.Next(&field)) {
    std::string_view name;
    if (field.Is(1, Wire::kVarint)) {
      if (!reader.Varint(&size)) return false;
    } else if (field.Is(2, Wire::kBytes)) {
      if (!Text(&reader, &name)) return false;
    } else if (!reader.Skip(field)) {
      return false;
    }
  }
  if (shape->rank < Shape::kKept) shape->sizes[shape->rank] = static_cast<int64_t>(size);
  ++shape->rank;
  Multiply(shape, static_cast<int64_t>(size));
  return reader.ok();
}

bool ParseShape(std::string_view bytes, Shape* shape) {
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    std::string_view dim;
    uint64_t flag = 0;
    if (field.Is(2, Wire::kBytes)) {
      if (!reader.Bytes(&dim) || !ParseDim(dim, shape)) return false;
    } else if (field.Is(3, Wire::kVarint)) {
      if (!reader.Varint(&flag)) return false;
      shape->unknown_rank = flag != 0;
    } else if (!reader.Skip(field)) {
      return false;
    }
  }
  return reader.ok();
}

size_t CountVarints(std::string_view packed, bool* whole) {
  size_t count = 0;
  for (WireReader reader(packed); !reader.done(); ++count) {
    uint64_t value = 0;
    if (!reader.Varint(&value)) {
      *whole = false;
      break;
    }
  }
  return count;
}

bool ParseTensorField(Field field, WireReader* reader, TensorView* tensor) {
  using namespace tensor_field;
  std::string_view bytes;
  uint64_t number = 0;
  uint32_t fixed = 0;
  bool whole = true;
  if (field.Is(kContent, Wire::kBytes)) return reader->Bytes(&tensor->content);
  if (field.Is(kDType, Wire::kVarint)) {
    if (!reader->Varint(&number)) return false;
    tensor->dtype = static_cast<int32_t>(number);
    return true;
  }
  if (field.Is(kShape, Wire::kBytes)) return reader->Bytes(&bytes) && ParseShape(bytes, &tensor->shape);
  if (field.Is(kString, Wire::kBytes)) return ++tensor->strings, reader->Bytes(&bytes);
  if (field.Is(kInt64, Wire::kVarint)) return ++tensor->int64s, reader->Varint(&number);
  if (field.Is(kFloat, Wire::kFixed32)) return ++tensor->floats, reader->Fixed32(&fixed);
  if (field.Is(kInt64, Wire::kBytes)) {
    if (!reader->Bytes(&bytes)) return false;
    tensor->int64s += CountVarints(bytes, &whole);
    return whole;
  }
  if (field.Is(kFloat, Wire::kBytes)) {
    if (!reader->Bytes(&bytes) || bytes.size() % sizeof(float) != 0) return false;
    tensor->floats += bytes.size() / sizeof(float);
    return true;
  }
  return reader->Skip(field);
}

bool ParseInput(std::string_view entry, TensorView* tensor) {
  tensor->entry = entry;
  WireReader reader(entry);
  Field field;
  while (reader.Next(&field)) {
    if (field.Is(kMapKey, Wire::kBytes)) {
      if (!Text(&reader, &tensor->name)) return false;
    } else if (!reader.Skip(field)) {
      return false;
    }
  }
  return reader.ok() && ForEachTensorField(entry, [tensor](Field inner, WireReader* values) {
           return ParseTensorField(inner, values, tensor);
         });
}

Refusal NoRequest(const char* where) {
  return Refusal::BadRequest(std::string("the request is no tensorflow.serving.PredictRequest: ") + where +
                             " can't be read; send it with a stock client of TensorFlow Serving");
}

Refusal TooMany(const char* what) {
  return Refusal::BadRequest(std::string("the request has more than ") + std::to_string(kMostNamed) + " " + what +
                             "; send each name once");
}

}  // namespace

bool ParseModelSelector(std::string_view bytes, ModelSelector* model) {
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    std::string_view value;
    if (field.Is(1, Wire::kBytes)) {
      if (!Text(&reader, &model->name)) return false;
    } else if (field.Is(3, Wire::kBytes)) {
      if (!Text(&reader, &model->signature)) return false;
    } else if (field.Is(4, Wire::kBytes)) {  // version and label are one choice: the last stands
      if (!Text(&reader, &model->label)) return false;
      model->version.reset();
    } else if (field.Is(2, Wire::kBytes)) {
      if (!reader.Bytes(&value)) return false;
      model->label = {};
      if (!model->version) model->version = 0;
      WireReader number(value);
      while (number.Next(&field)) {
        uint64_t version = 0;
        if (!field.Is(1, Wire::kVarint)) {
          if (!number.Skip(field)) return false;
        } else if (number.Varint(&version)) {
          model->version = static_cast<int64_t>(version);
        }
      }
      if (!number.ok()) return false;
    } else if (!reader.Skip(field)) {
      return false;
    }
  }
  return reader.ok();
}

Refusal Parse(std::string_view bytes, PredictRequest* request) {
  request->model = {};
  request->inputs.clear();
  request->output_filter.clear();
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    std::string_view value;
    if (field.Is(1, Wire::kBytes)) {
      if (!reader.Bytes(&value) || !ParseModelSelector(value, &request->model)) return NoRequest("model_spec");
    } else if (field.Is(2, Wire::kBytes)) {
      if (request->inputs.size() == kMostNamed) return TooMany("inputs");
      if (!reader.Bytes(&value) || !ParseInput(value, &request->inputs.emplace_back())) return NoRequest("inputs");
    } else if (field.Is(3, Wire::kBytes)) {
      if (request->output_filter.size() == kMostNamed) return TooMany("names in output_filter");
      if (!Text(&reader, &request->output_filter.emplace_back())) return NoRequest("output_filter");
    } else if (!reader.Skip(field)) {
      break;
    }
  }
  return reader.ok() ? Refusal::None() : NoRequest("a field");
}

void ReadInt64s(const TensorView& tensor, int64_t* values) {
  ForEachTensorField(tensor.entry, [&values](Field field, WireReader* reader) {
    uint64_t number = 0;
    std::string_view packed;
    if (field.Is(tensor_field::kInt64, Wire::kVarint)) {
      if (!reader->Varint(&number)) return false;
      *values++ = static_cast<int64_t>(number);
      return true;
    }
    if (!field.Is(tensor_field::kInt64, Wire::kBytes)) return reader->Skip(field);
    if (!reader->Bytes(&packed)) return false;
    for (WireReader each(packed); !each.done();) {
      if (!each.Varint(&number)) return false;
      *values++ = static_cast<int64_t>(number);
    }
    return true;
  });
}

void ReadFloats(const TensorView& tensor, float* values) {
  ForEachTensorField(tensor.entry, [&values](Field field, WireReader* reader) {
    uint32_t bits = 0;
    std::string_view packed;
    if (field.Is(tensor_field::kFloat, Wire::kFixed32)) {
      if (!reader->Fixed32(&bits)) return false;
      std::memcpy(values++, &bits, sizeof bits);
      return true;
    }
    if (!field.Is(tensor_field::kFloat, Wire::kBytes)) return reader->Skip(field);
    if (!reader->Bytes(&packed)) return false;
    if (!packed.empty()) std::memcpy(values, packed.data(), packed.size());
    values += packed.size() / sizeof(float);
    return true;
  });
}

}  // namespace tandem::serving::door
