#include "door/text.h"

#include <cmath>
#include <cstdio>

namespace tandem::serving::door {
namespace {

constexpr const char* kTypes[] = {"INVALID",
                                  "FLOAT",
                                  "DOUBLE",
                                  "INT32",
                                  "UINT8",
                                  "INT16",
                                  "INT8",
                                  "STRING",
                                  "COMPLEX64",
                                  "INT64",
                                  "BOOL",
                                  "QINT8",
                                  "QUINT8",
                                  "QINT32",
                                  "BFLOAT16",
                                  "QINT16",
                                  "QUINT16",
                                  "UINT16",
                                  "COMPLEX128",
                                  "HALF",
                                  "RESOURCE",
                                  "VARIANT",
                                  "UINT32",
                                  "UINT64",
                                  "FLOAT8_E5M2",
                                  "FLOAT8_E4M3FN",
                                  "FLOAT8_E4M3FNUZ",
                                  "FLOAT8_E4M3B11FNUZ",
                                  "FLOAT8_E5M2FNUZ",
                                  "INT4",
                                  "UINT4",
                                  "INT2",
                                  "UINT2",
                                  "FLOAT4_E2M1FN"};
constexpr int32_t kKnownTypes = static_cast<int32_t>(sizeof kTypes / sizeof *kTypes);
constexpr int32_t kRef = 100;

// The length of the well-formed UTF-8 sequence that begins at `at`; 0 if there is none.
size_t Sequence(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  const auto follows = [&](size_t i, unsigned char low, unsigned char high) {
    return at + i < bytes.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned char low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned char high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned char low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

void AppendEscaped(std::string* out, unsigned char byte) {
  char escaped[5];
  std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
  out->append(escaped);
}

}  // namespace

std::string Quoted(std::string_view name) {
  const bool cut = name.size() > kMostShown;
  if (cut) name = name.substr(0, kMostShown);
  const bool has_single = name.find('\'') != std::string_view::npos;
  const char quote = has_single && name.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < name.size();) {
    const auto byte = static_cast<unsigned char>(name[at]);
    const size_t length = Sequence(name, at);
    if (length > 1) {
      out.append(name.substr(at, length));
    } else if (byte == '\n') {
      out.append("\\n");
    } else if (byte == '\r') {
      out.append("\\r");
    } else if (byte == '\t') {
      out.append("\\t");
    } else if (length == 0 || byte < 0x20 || byte == 0x7F) {
      AppendEscaped(&out, byte);
    } else {
      if (byte == '\\' || byte == static_cast<unsigned char>(quote)) out.push_back('\\');
      out.push_back(static_cast<char>(byte));
    }
    at += length == 0 ? 1 : length;
  }
  if (cut) out.append("…");
  out.push_back(quote);
  return out;
}

std::string ShapeText(const int64_t* sizes, size_t shown, size_t rank) {
  std::string out = "(";
  for (size_t i = 0; i < shown && i < rank; ++i) {
    if (i > 0) out.append(", ");
    out.append(std::to_string(sizes[i]));
  }
  if (rank > shown) out.append(", …");
  if (rank == 1) out.push_back(',');
  out.push_back(')');
  return out;
}

std::string FloatText(float value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
  return text;
}

std::string DataTypeName(int32_t type) {
  if (type >= 0 && type < kKnownTypes) return std::string("DT_") + kTypes[type];
  if (type > kRef && type < kRef + kKnownTypes) {
    return std::string("DT_") + kTypes[type - kRef] + "_REF";
  }
  return std::to_string(type);
}

bool IsUtf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = Sequence(bytes, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace tandem::serving::door
