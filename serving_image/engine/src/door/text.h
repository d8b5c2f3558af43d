// Values as sentences for clients show them: names in quotes, shapes, numbers. The same text as Python's repr gives,
// since both fronts of a pod say the same about the same request.
//
// Memory:  returns new strings; a name of any length is cut at kMostShown bytes.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::serving::door {

inline constexpr size_t kMostShown = 512;

// 'name', escaped so that one line stays one line; bytes that are no UTF-8 become \xNN.
std::string Quoted(std::string_view name);

// (), (3,), (3, 5); `rank` may be more than the `shown` sizes that are at hand.
std::string ShapeText(const int64_t* sizes, size_t shown, size_t rank);

// nan, inf, -inf or the number.
std::string FloatText(float value);

// DT_INT64 and so on; the number itself when TensorFlow has no such type.
std::string DataTypeName(int32_t type);

// Whether the bytes are well-formed UTF-8 (RFC 3629), as protobuf demands of its strings.
bool IsUtf8(std::string_view bytes);

}  // namespace tandem::serving::door
