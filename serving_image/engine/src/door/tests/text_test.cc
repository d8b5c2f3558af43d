#include "door/text.h"

#include <limits>

#include "core/tests/check.h"

namespace tandem::serving::door {
namespace {

TEST(NamesAreQuotedAsPythonQuotesThem) {
  const struct {
    std::string name, quoted;
  } table[] = {
      {"user", "'user'"},
      {"it's", "\"it's\""},
      {"'\"", "'\\'\"'"},
      {"a\\b", "'a\\\\b'"},
      {"a\n\r\tb", "'a\\n\\r\\tb'"},
      {"größe", "'größe'"},
      {"\x01\x7f", "'\\x01\\x7f'"},
      {"\xff", "'\\xff'"},
      {std::string("\0", 1), "'\\x00'"},
      {"\xc3", "'\\xc3'"},
      {"", "''"},
  };
  for (const auto& row : table) CHECK(Quoted(row.name) == row.quoted);
  CHECK(Quoted(std::string(kMostShown + 1, 'x')) == "'" + std::string(kMostShown, 'x') + "…'");
}

TEST(OnlyWellFormedUtf8IsText) {
  const struct {
    std::string bytes;
    bool good;
  } table[] = {
      {"", true},
      {"a", true},
      {"\x7f", true},
      {"\xc2\x80", true},
      {"\xed\x9f\xbf", true},
      {"\xee\x80\x80", true},
      {"\xf0\x90\x80\x80", true},
      {"\xf4\x8f\xbf\xbf", true},
      {"\x80", false},
      {"\xc0\x80", false},
      {"\xc1\xbf", false},
      {"\xe0\x9f\xbf", false},
      {"\xed\xa0\x80", false},
      {"\xf0\x8f\xbf\xbf", false},
      {"\xf4\x90\x80\x80", false},
      {"\xf5\x80\x80\x80", false},
      {"\xe2\x82", false},
      {"\xc3(", false},
  };
  for (const auto& row : table) CHECK(IsUtf8(row.bytes) == row.good);
}

TEST(ShapesTypesAndNumbersReadAsInPython) {
  const int64_t sizes[] = {3, 5};
  CHECK(ShapeText(sizes, 2, 0) == "()" && ShapeText(sizes, 2, 1) == "(3,)" && ShapeText(sizes, 2, 2) == "(3, 5)");
  CHECK(ShapeText(sizes, 2, 3) == "(3, 5, …)");
  CHECK(DataTypeName(0) == "DT_INVALID" && DataTypeName(33) == "DT_FLOAT4_E2M1FN" && DataTypeName(34) == "34");
  CHECK(DataTypeName(20) == "DT_RESOURCE" && DataTypeName(101) == "DT_FLOAT_REF" && DataTypeName(100) == "100");
  CHECK(DataTypeName(-7) == "-7");
  CHECK(FloatText(-std::numeric_limits<float>::infinity()) == "-inf" && FloatText(0.5f) == "0.5");
}

}  // namespace
}  // namespace tandem::serving::door
