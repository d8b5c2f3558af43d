#include "core/safetensors.h"

#include <cstring>
#include <string>
#include <vector>

#include "core/tests/check.h"

namespace tandem {
namespace {

// A file with this header, padded as it must be, and `data` zeros behind it.
std::string File(std::string json, size_t data) {
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string out(8, 0);
  const uint64_t size = json.size();
  std::memcpy(out.data(), &size, 8);
  return out + json + std::string(data, 0);
}

std::string Why(const std::string& file, SafetensorsHeader* header = nullptr) {
  SafetensorsHeader local;
  size_t begin = 0;
  return ReadHeader(reinterpret_cast<const uint8_t*>(file.data()), file.size(), header == nullptr ? &local : header,
                    &begin)
      .why();
}

constexpr char kOne[] = R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}})";

TEST(AHeaderIsReadAsItWasWritten) {
  SafetensorsHeader header;
  header.metadata = {{"x", std::string("q\"b\\ \b\t\n\f\r\x01\x1f\x7f é\xf0\x9f\x98\x80") + '\0'}, {"", ""}};
  header.tensors = {
      {"a", Dtype::kI64, {2}, 0, 16}, {"b", Dtype::kF32, {3, 0}, 16, 16}, {"c", Dtype::kU32, {5}, 16, 36}};
  const std::string text = WriteHeader(header);
  CHECK(text.size() % 8 == 0);
  SafetensorsHeader again;
  CHECK(Why(text + std::string(20 + 16, 0), &again).empty());
  CHECK(again.metadata == header.metadata);
  CHECK(again.tensors.size() == 3 && again.tensors[1].name == "b" && again.tensors[1].dtype == Dtype::kF32);
  CHECK(again.tensors[1].shape == header.tensors[1].shape && again.tensors[2].end == 36);
}

TEST(WhatIsNoSuchFileIsRefusedByName) {
  const struct {
    std::string json;
    size_t data;
    const char* why;
  } cases[] = {
      {"", 0, "byte 0 must be '{'"},
      {"[]", 0, "byte 0 must be '{'"},
      {"{", 0, "must be"},
      {R"({"a")", 0, "must be ':'"},
      {R"({"a)", 0, "must be the rest of a string"},
      {R"({ "a":1})", 0, "must be '\"'"},
      {R"({}x)", 0, "behind the closing brace"},
      {R"({}        )"
       "        ",
       0, "behind the closing brace"},
      {R"({"a":1})", 0, "must be '{'"},
      {R"({"a":{}})", 0, "must have dtype, shape and two data_offsets"},
      {R"({"a":{"dtype":"I64","shape":[2]}})", 0, "must have dtype"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0]}})", 16, "two data_offsets"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16,16]}})", 16, "end of a shorter list"},
      {R"({"a":{"dtype":"I64","shape":[1,1,2],"data_offsets":[0,16]}})", 16, "end of a shorter list"},
      {R"({"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}})", 8, "plain decimal number"},
      {R"({"a":{"dtype":"I64","dtype":"I64","shape":[2],"data_offsets":[0,16]}})", 16, "unknown or stands twice"},
      {R"({"a":{"dtype":"I64","shape":[2],"shape":[2],"data_offsets":[0,16]}})", 16, "unknown or stands twice"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16],"more":1}})", 16, "a field \"more\" that is unknown"},
      {R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})", 16,
       "dtype \"F64\", not one of I64, U64, F32, U32"},
      {R"({"a":{"dtype":"I64","shape":[-2],"data_offsets":[0,16]}})", 16, "plain decimal number"},
      {R"({"a":{"dtype":"I64","shape":[02],"data_offsets":[0,16]}})", 16, "no digit behind a leading 0"},
      {R"({"a":{"dtype":"I64","shape":[2.0],"data_offsets":[0,16]}})", 16, "must be ']'"},
      {R"({"a":{"dtype":"I64","shape":[9223372036854775808],"data_offsets":[0,16]}})", 16, "number below 2^63"},
      {R"({"a":{"dtype":"I64","shape":[99999999999999999999],"data_offsets":[0,16]}})", 16, "number below 2^63"},
      {R"({"a":{"dtype":"I64","shape":[4611686018427387904,2],"data_offsets":[0,16]}})", 16, "beyond 2^64 bytes"},
      {R"({"a":{"dtype":"I64","shape":[3],"data_offsets":[0,16]}})", 16, "do not fit its dtype and shape"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[16,0]}})", 16, "do not fit its dtype and shape"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[8,24]}})", 24, "must begin at byte 0"},
      {R"({"a":{"dtype":"U32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}})",
       12, "\"b\" is not aligned"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"b":{"dtype":"I64","shape":[2],"data_offsets":[8,24]}})",
       24, "\"b\" must begin at byte 16"},
      {R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}})",
       16, "tensor \"a\" stands twice"},
      {kOne, 15, "end at byte 16 of the data, which has 15"},
      {kOne, 17, "end at byte 16 of the data, which has 17"},
      {R"({"__metadata__":{"x":"1","x":"1"}})", 0, "metadata \"x\" stands twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "\"__metadata__\" stands twice"},
      {R"({"__metadata__":{"x":1}})", 0, "must be '\"'"},
      {R"({"__metadata__":{"x":"\q"}})", 0, "an escape that is needed"},
      {R"({"__metadata__":{"x":"\u0041"}})", 0, "an escape that is needed"},
      {R"({"__metadata__":{"x":"\u000a"}})", 0, "an escape that is needed"},
      {R"({"__metadata__":{"x":"\u001F"}})", 0, "an escape that is needed"},
      {R"({"__metadata__":{"x":"\)", 0, "must be"},
      {"{\"__metadata__\":{\"x\":\"\n\"}}", 0, "an escaped control character"},
      {"{\"__metadata__\":{\"x\":\"\xff\"}}", 0, "is not UTF-8"},
  };
  for (const auto& c : cases) {
    const std::string why = Why(File(c.json, c.data));
    if (why.find(c.why) == std::string::npos) throw testing::Failure(c.json + ": \"" + why + "\", not " + c.why);
  }
  CHECK(Why(File(kOne, 16)).empty());
}

TEST(AHeaderOfImpossibleSizeIsRefused) {
  const std::string file = File(kOne, 16);
  for (size_t size = 0; size < file.size(); ++size) CHECK(!Why(file.substr(0, size)).empty());
  std::string huge = file;
  huge.replace(0, 8, 8, '\xff');
  CHECK(Why(huge).find("it is torn") != std::string::npos);
  std::string odd = file;
  ++odd[0];
  CHECK(Why(odd).find("multiple of 8") != std::string::npos);
  CHECK(Why(File("{" + std::string(kMaxHeader, ' '), 0)).find("at most") != std::string::npos);
}

TEST(TooManyEntriesAreRefused) {
  std::string metadata = R"({"__metadata__":{)", tensors = "{";
  for (size_t i = 0; i <= kMaxEntries; ++i) {
    const std::string name = (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":";
    metadata += name + "\"\"";
    tensors += name + R"({"dtype":"U32","shape":[0],"data_offsets":[0,0]})";
  }
  CHECK(Why(File(metadata + "}}", 0)).find("too many entries") != std::string::npos);
  CHECK(Why(File(tensors + "}", 0)).find("too many tensors") != std::string::npos);
}

TEST(Utf8IsWellFormed) {
  for (const char* good : {"", "a", "é", "ࠀ", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(IsUtf8(good));
  }
  for (const char* bad : {"\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xf0\x9f\x98"}) {
    CHECK(!IsUtf8(bad));
  }
}

TEST(QuotedNamesArePrintableAndShort) {
  CHECK(Quoted("a\"\n\xff") == "\"a???\"");
  CHECK(Quoted(std::string(1000, 'x')).size() < 80);
}

}  // namespace
}  // namespace tandem
