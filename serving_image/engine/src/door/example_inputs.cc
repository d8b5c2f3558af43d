#include "door/example_inputs.h"

#include <cstring>
#include <string>
#include <vector>

#include "core/finite.h"
#include "core/xxh64.h"
#include "door/text.h"

namespace tandem::serving::door {
namespace {

constexpr uint32_t kFeatures = 1, kFeature = 1;                     // of Example and of Features
constexpr uint32_t kBytesList = 1, kFloatList = 2, kInt64List = 3;  // of Feature
constexpr uint32_t kValue = 1;                                      // of each list

// By input, the map's entry that stands; empty where there is none.
using Found = std::vector<std::string_view>;

uint32_t ListOf(DType dtype) {
  return dtype == DType::kFloat32 ? kFloatList : dtype == DType::kString ? kBytesList : kInt64List;
}

const char* ListName(uint32_t list) {
  return list == kFloatList ? "float_list" : list == kBytesList ? "bytes_list" : "int64_list";
}

std::string Described(const InputSpec& input) {
  return std::string(ListName(ListOf(input.dtype))) + " of " + std::to_string(input.length);
}

std::string AllDescribed(const ModelSpec& spec) {
  std::string text;
  for (const InputSpec& input : spec.inputs) {
    text += (text.empty() ? "" : ", ") + Quoted(input.name) + " (" + Described(input) + ")";
  }
  return text;
}

// Notes the features that the model knows; one that comes again takes the place of the one before.
bool FindFeatures(const ModelSpec& spec, std::string_view example, Found* found) {
  size_t next = 0;  // clients write features in one order, so the search begins where the last ended
  const auto entry = [&](std::string_view bytes) {
    std::string_view name;
    if (!ForEachBytes(bytes, kMapKey, [&name](std::string_view key) { return name = key, true; })) return false;
    const size_t at = Find(spec, name, next);
    if (at == kNoInput) return true;
    (*found)[at] = bytes;
    next = at + 1 < spec.inputs.size() ? at + 1 : 0;
    return true;
  };
  return ForEachBytes(example, kFeatures,
                      [&](std::string_view features) { return ForEachBytes(features, kFeature, entry); });
}

template <typename Take>
bool ReadList(uint32_t list, std::string_view bytes, Take&& take) {
  WireReader reader(bytes);
  Field field;
  while (reader.Next(&field)) {
    std::string_view text;
    uint64_t number = 0;
    uint32_t bits = 0;
    if (field.number != kValue) {
      if (!reader.Skip(field)) return false;
    } else if (field.wire == Wire::kBytes) {
      if (!reader.Bytes(&text)) return false;
      if (list == kBytesList) {
        take(text, 0, 0);
        continue;
      }
      if (list == kFloatList && text.size() % sizeof(float) != 0) return false;
      for (WireReader each(text); !each.done();) {
        if (list == kFloatList ? !each.Fixed32(&bits) : !each.Varint(&number)) return false;
        take(text, number, bits);
      }
    } else if (list == kInt64List && field.wire == Wire::kVarint) {
      if (!reader.Varint(&number)) return false;
      take(text, number, bits);
    } else if (list == kFloatList && field.wire == Wire::kFixed32) {
      if (!reader.Fixed32(&bits)) return false;
      take(text, number, bits);
    } else if (!reader.Skip(field)) {
      return false;
    }
  }
  return reader.ok();
}

// What a feature turned out to have.
struct Feature {
  uint32_t list = 0;  // which one stands; 0: none
  size_t values = 0;
};

// Reads the values of a feature into room for input.length of them; counts all.
bool ReadFeature(const InputSpec& input, std::string_view entry, const BatchInputs::Room& room, Feature* feature) {
  const uint32_t wanted = ListOf(input.dtype);
  const auto length = static_cast<size_t>(input.length);
  const auto take = [&](std::string_view text, uint64_t number, uint32_t bits) {
    const size_t at = feature->values++;
    if (at >= length) return;
    if (input.dtype == DType::kFloat32) {
      std::memcpy(room.values + at, &bits, sizeof bits);
    } else if (input.dtype == DType::kInt64) {
      room.ids[at] = static_cast<int64_t>(number);
    } else {
      room.ids[at] = static_cast<int64_t>(Xxh64(text.data(), text.size()));
      room.present[at] = !text.empty();
    }
  };
  return ForEachBytes(entry, kMapValue, [&](std::string_view value) {
    WireReader reader(value);
    Field field;
    while (reader.Next(&field)) {
      std::string_view list;
      if (field.wire != Wire::kBytes || field.number < kBytesList || field.number > kInt64List) {
        if (!reader.Skip(field)) return false;
        continue;
      }
      if (!reader.Bytes(&list)) return false;
      if (field.number != feature->list) *feature = {field.number, 0};
      if (field.number == wanted && !ReadList(wanted, list, take)) return false;
    }
    return reader.ok();
  });
}

Refusal Wrong(size_t example, const std::string& what) {
  return Refusal::BadRequest("example " + std::to_string(example) + ": " + what);
}

Refusal CantBeRead(size_t example) {
  return Wrong(example, "it is no tensorflow.Example; write it as tf.train.Example serializes itself");
}

Refusal Append(const ModelSpec& spec, const Found& found, size_t example, const std::vector<BatchInputs::Room>& rooms) {
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    const InputSpec& input = spec.inputs[i];
    const auto length = static_cast<size_t>(input.length);
    const auto named = [&input] { return "feature " + Quoted(input.name); };
    if (found[i].data() == nullptr) {
      return Wrong(example, named() + " is missing; add it to the example or to the context. The model takes " +
                                AllDescribed(spec));
    }
    BatchInputs::Room room = rooms[i];
    if (room.ids != nullptr) room.ids += example * length;
    if (room.present != nullptr) room.present += example * length;
    if (room.values != nullptr) room.values += example * length;
    Feature feature;
    if (!ReadFeature(input, found[i], room, &feature)) return CantBeRead(example);
    if (feature.list != ListOf(input.dtype)) {
      const std::string is = feature.list == 0 ? "has no list" : std::string("is a ") + ListName(feature.list);
      return Wrong(example, named() + " " + is + "; it must be a " + Described(input));
    }
    if (feature.values != length) {
      return Wrong(example,
                   named() + " has " + std::to_string(feature.values) + " values; it must be a " + Described(input));
    }
    const size_t at = input.dtype == DType::kFloat32 ? FirstNotFinite(room.values, length) : length;
    if (at == length) continue;
    return Wrong(example, named() + " has " + FloatText(room.values[at]) + " at " + std::to_string(at) +
                              "; send finite numbers only");
  }
  return Refusal::None();
}

}  // namespace

Refusal AppendExamples(const ModelSpec& spec, const ExampleRequest& request, size_t most_rows, BatchInputs* inputs) {
  Refusal refusal = CheckMostRows(request.examples, most_rows);
  if (!refusal.ok()) return refusal;
  std::vector<BatchInputs::Room> rooms;
  for (size_t i = 0; i < spec.inputs.size(); ++i) rooms.push_back(inputs->Make(i, request.examples));
  Found shared(spec.inputs.size());
  const auto context = [&](std::string_view bytes) { return FindFeatures(spec, bytes, &shared); };
  if (!ForEachOf(request, input_field::kContext, context)) {
    return Refusal::BadRequest("the context is no tensorflow.Example; write it as tf.train.Example serializes itself");
  }
  Found found(spec.inputs.size());
  size_t row = 0;
  ForEachOf(request, input_field::kExamples, [&](std::string_view bytes) {
    found = shared;
    refusal = FindFeatures(spec, bytes, &found) ? Append(spec, found, row, rooms) : CantBeRead(row);
    ++row;
    return refusal.ok();
  });
  if (refusal.ok()) inputs->Keep(request.examples);
  return refusal;
}

}  // namespace tandem::serving::door
