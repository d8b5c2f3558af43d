#include "core/safetensors.h"

#include <algorithm>
#include <cstdio>

namespace tandem {
namespace {

constexpr size_t kPrefix = 8;
constexpr size_t kMaxRank = 2;
constexpr char kMetadata[] = "__metadata__";

struct DtypeEntry {
  Dtype dtype;
  const char* name;
  size_t size;
};
constexpr DtypeEntry kDtypes[] = {
    {Dtype::kI64, "I64", 8}, {Dtype::kU64, "U64", 8}, {Dtype::kF32, "F32", 4}, {Dtype::kU32, "U32", 4}};

const DtypeEntry& EntryOf(Dtype dtype) {
  return *std::find_if(std::begin(kDtypes), std::end(kDtypes),
                       [dtype](const DtypeEntry& entry) { return entry.dtype == dtype; });
}

// Escapes of one letter: what stands behind the backslash, and what it means.
constexpr std::pair<char, char> kEscapes[] = {{'"', '"'},  {'\\', '\\'}, {'b', '\b'}, {'t', '\t'},
                                              {'n', '\n'}, {'f', '\f'},  {'r', '\r'}};

// The letter that stands for c behind a backslash; 0 if there is none.
char LetterFor(char c) {
  for (const auto& [letter, meaning] : kEscapes) {
    if (meaning == c) return letter;
  }
  return 0;
}

void AppendString(const std::string& text, std::string* out) {
  *out += '"';
  for (const char c : text) {
    if (const char letter = LetterFor(c); letter != 0) {
      *out += '\\';
      *out += letter;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char hex[7];
      std::snprintf(hex, sizeof hex, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      *out += hex;
    } else {
      *out += c;
    }
  }
  *out += '"';
}

// Reads the subset of JSON from the front of a text; the first thing that is not as expected becomes the refusal.
class HeaderReader {
 public:
  HeaderReader(const char* text, size_t size) : at_(text), begin_(text), end_(text + size) {}

  Status Read(SafetensorsHeader* header) {
    bool metadata = false;
    const bool whole = Object([&](const std::string& name) {
      if (name != kMetadata) return ReadTensor(name, header);
      if (metadata) return Fail(Quoted(name) + " stands twice");
      metadata = true;
      return ReadMetadata(header);
    });
    if (!whole) return Status::Refused(why_);
    const bool padding = end_ - at_ < 8 && std::all_of(at_, end_, [](char c) { return c == ' '; });
    if (!padding) Fail("what stands behind the closing brace must be less than 8 spaces");
    return why_.empty() ? Status() : Status::Refused(why_);
  }

 private:
  bool Fail(const std::string& why) {
    if (why_.empty()) why_ = "header: " + why;
    return false;
  }

  bool Expected(const char* what) {
    return Fail(std::string("byte ") + std::to_string(at_ - begin_) + " must be " + what);
  }

  bool Is(char c) const { return at_ != end_ && *at_ == c; }

  bool Take(char c) {
    const char text[] = {'\'', c, '\'', 0};
    if (!Is(c)) return Expected(text);
    ++at_;
    return true;
  }

  bool String(std::string* out) {
    if (!Take('"')) return false;
    while (!Is('"')) {
      if (at_ == end_) return Expected("the rest of a string");
      if (static_cast<unsigned char>(*at_) < 0x20) return Expected("an escaped control character");
      if (*at_ != '\\') {
        *out += *at_++;
      } else if (!Escape(out)) {
        return false;
      }
    }
    ++at_;
    return IsUtf8(*out) || Fail("the string before byte " + std::to_string(at_ - begin_) + " is not UTF-8");
  }

  bool Escape(std::string* out) {
    ++at_;  // the backslash
    for (const auto& [letter, meaning] : kEscapes) {
      if (!Is(letter)) continue;
      *out += meaning;
      ++at_;
      return true;
    }
    // \u00xx of a control character that has no letter of its own.
    constexpr char kHex[] = "0123456789abcdef";
    if (end_ - at_ >= 5 && std::equal(at_, at_ + 3, "u00") && (at_[3] == '0' || at_[3] == '1')) {
      const char* low = std::find(kHex, kHex + 16, at_[4]);
      const char meaning = static_cast<char>((at_[3] - '0') * 16 + (low - kHex));
      if (low != kHex + 16 && LetterFor(meaning) == 0) {
        *out += meaning;
        at_ += 5;
        return true;
      }
    }
    return Expected("an escape that is needed");
  }

  bool Number(uint64_t* out) {
    const char* const first = at_;
    uint64_t value = 0;
    for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_) {
      if (at_ - first > 0 && *first == '0') return Expected("no digit behind a leading 0");
      if (__builtin_mul_overflow(value, uint64_t{10}, &value) ||
          __builtin_add_overflow(value, static_cast<uint64_t>(*at_ - '0'), &value) || value > INT64_MAX) {
        return Expected("part of a number below 2^63");
      }
    }
    *out = value;
    return at_ != first || Expected("a plain decimal number");
  }

  bool Numbers(size_t limit, std::vector<uint64_t>* out) {
    if (!Take('[')) return false;
    do {
      if (out->size() == limit) return Expected("the end of a shorter list");
      if (!Number(&out->emplace_back())) return false;
    } while (Is(',') && ++at_);
    return Take(']');
  }

  // {"name":…,…}: member(name) reads what stands behind each colon.
  template <typename Member>
  bool Object(const Member& member) {
    if (!Take('{')) return false;
    if (Is('}')) return Take('}');
    do {
      std::string name;
      if (!String(&name) || !Take(':') || !member(name)) return false;
    } while (Is(',') && ++at_);
    return Take('}');
  }

  bool ReadMetadata(SafetensorsHeader* header) {
    return Object([&](const std::string& name) {
      if (header->metadata.size() == kMaxEntries) return Fail("has too many entries of metadata");
      if (header->FindMetadata(name) != nullptr) return Fail("metadata " + Quoted(name) + " stands twice");
      std::string value;
      if (!String(&value)) return false;
      header->metadata.emplace_back(name, std::move(value));
      return true;
    });
  }

  bool ReadTensor(const std::string& name, SafetensorsHeader* header) {
    if (header->tensors.size() == kMaxEntries) return Fail("has too many tensors");
    if (header->Find(name) != nullptr) return Fail("tensor " + Quoted(name) + " stands twice");
    TensorEntry tensor;
    std::vector<uint64_t> offsets;
    bool dtype = false;
    tensor.name = name;
    const bool whole = Object([&](const std::string& field) {
      if (field == "dtype" && !dtype) return (dtype = ReadDtype(&tensor));
      if (field == "shape" && tensor.shape.empty()) return Numbers(kMaxRank, &tensor.shape);
      if (field == "data_offsets" && offsets.empty()) return Numbers(2, &offsets);
      return Fail("tensor " + Quoted(name) + " has a field " + Quoted(field) + " that is unknown or stands twice");
    });
    if (!whole) return false;
    if (!dtype || tensor.shape.empty() || offsets.size() != 2) {
      return Fail("tensor " + Quoted(name) + " must have dtype, shape and two data_offsets");
    }
    tensor.begin = offsets[0];
    tensor.end = offsets[1];
    header->tensors.push_back(std::move(tensor));
    return true;
  }

  bool ReadDtype(TensorEntry* tensor) {
    std::string name;
    if (!String(&name)) return false;
    for (const DtypeEntry& entry : kDtypes) {
      if (name != entry.name) continue;
      tensor->dtype = entry.dtype;
      return true;
    }
    return Fail("tensor " + Quoted(tensor->name) + " has dtype " + Quoted(name) + ", not one of I64, U64, F32, U32");
  }

  const char* at_;
  const char* const begin_;
  const char* const end_;
  std::string why_;
};

Status CheckTensor(const TensorEntry& tensor) {
  const std::string called = "header: tensor " + Quoted(tensor.name);
  uint64_t bytes = SizeOf(tensor.dtype);
  for (const uint64_t size : tensor.shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return Status::Refused(called + " has a shape beyond 2^64 bytes");
  }
  if (tensor.begin > tensor.end || tensor.end - tensor.begin != bytes) {
    return Status::Refused(called + " has data_offsets that do not fit its dtype and shape");
  }
  if (tensor.begin % SizeOf(tensor.dtype) != 0) return Status::Refused(called + " is not aligned to its dtype");
  return Status();
}

// The tensors lie side by side, from the first byte of the data to the last.
Status CheckTiling(const SafetensorsHeader& header, uint64_t data_size) {
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& tensor : header.tensors) {
    if (Status status = CheckTensor(tensor); !status.ok()) return status;
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::make_pair(a->begin, a->end) < std::make_pair(b->begin, b->end);
  });
  uint64_t at = 0;
  for (const TensorEntry* tensor : order) {
    if (tensor->begin != at) {
      return Status::Refused("header: tensor " + Quoted(tensor->name) + " must begin at byte " + std::to_string(at) +
                             " of the data, where the tensor before it ends, not at " + std::to_string(tensor->begin));
    }
    at = tensor->end;
  }
  if (at != data_size) {
    return Status::Refused("the tensors end at byte " + std::to_string(at) + " of the data, which has " +
                           std::to_string(data_size) + " bytes: it is torn or was written to");
  }
  return Status();
}

uint64_t ReadLittleEndian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kPrefix; ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

}  // namespace

size_t SizeOf(Dtype dtype) { return EntryOf(dtype).size; }

const char* NameOf(Dtype dtype) { return EntryOf(dtype).name; }

const TensorEntry* SafetensorsHeader::Find(const std::string& name) const {
  for (const TensorEntry& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

const std::string* SafetensorsHeader::FindMetadata(const std::string& name) const {
  for (const auto& [known, value] : metadata) {
    if (known == name) return &value;
  }
  return nullptr;
}

std::string Quoted(const std::string& text) {
  constexpr size_t kShown = 64;
  std::string out = "\"";
  for (size_t i = 0; i < std::min(text.size(), kShown); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    out += c >= 0x20 && c < 0x7F && c != '"' ? text[i] : '?';
  }
  return out + (text.size() > kShown ? "…\"" : "\"");
}

bool IsUtf8(const std::string& text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    const unsigned lead = byte(i);
    const size_t more = lead < 0x80 ? 0 : lead < 0xC2 ? 4 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : lead < 0xF5 ? 3 : 4;
    if (more == 4) return false;
    for (size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    const unsigned second = byte(i + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += 1 + more;
  }
  return true;
}

std::string WriteHeader(const SafetensorsHeader& header) {
  std::string json = "{\"__metadata__\":{";
  for (const auto& [name, value] : header.metadata) {
    if (json.back() != '{') json += ',';
    AppendString(name, &json);
    json += ':';
    AppendString(value, &json);
  }
  json += '}';
  for (const TensorEntry& tensor : header.tensors) {
    json += ',';
    AppendString(tensor.name, &json);
    json += std::string(":{\"dtype\":\"") + NameOf(tensor.dtype) + "\",\"shape\":[";
    for (size_t i = 0; i < tensor.shape.size(); ++i) json += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    json += "],\"data_offsets\":[" + std::to_string(tensor.begin) + ',' + std::to_string(tensor.end) + "]}";
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string out;
  out.reserve(kPrefix + json.size());
  for (size_t i = 0; i < kPrefix; ++i) out += static_cast<char>(uint64_t{json.size()} >> (8 * i) & 0xFF);
  return out + json;
}

Status ReadHeader(const uint8_t* bytes, size_t size, SafetensorsHeader* header, size_t* data_begin) {
  *header = SafetensorsHeader();
  if (size < kPrefix) return Status::Refused("has " + std::to_string(size) + " bytes, too few for a header");
  const uint64_t length = ReadLittleEndian(bytes);
  if (length > size - kPrefix) {
    return Status::Refused("header: is of " + std::to_string(length) + " bytes, behind it are " +
                           std::to_string(size - kPrefix) + ": it is torn, or no safetensors");
  }
  if (length > kMaxHeader || length % 8 != 0) {
    return Status::Refused("header: its size must be a multiple of 8 and at most " + std::to_string(kMaxHeader) +
                           " bytes, it is " + std::to_string(length));
  }
  HeaderReader reader(reinterpret_cast<const char*>(bytes + kPrefix), length);
  if (Status status = reader.Read(header); !status.ok()) return status;
  *data_begin = kPrefix + length;
  return CheckTiling(*header, size - *data_begin);
}

}  // namespace tandem
