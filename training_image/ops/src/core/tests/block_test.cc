#include "core/block.h"

#include <cstring>
#include <limits>
#include <string>

#include "core/tests/block_sample.h"
#include "core/tests/block_target.h"
#include "core/tests/check.h"

namespace tandem {
namespace {

using testing::BlockSample;

const uint8_t* Raw(const std::string& bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

std::string Why(const std::string& bytes) {
  BlockView view;
  return ReadBlock(Raw(bytes), bytes.size(), &view).why();
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  CHECK(at != std::string::npos && from.size() == to.size());
  return text.replace(at, from.size(), to);
}

bool Mentions(const std::string& why, const std::string& words) { return why.find(words) != std::string::npos; }

const Optimizer kAdagrad{OptimizerKind::kAdagrad, 0.1, 0, 0, 1e-7};

TEST(ABlockIsReadAsItWasWritten) {
  const BlockSample sample;
  const std::string bytes = sample.Bytes();
  BlockView view;
  CHECK(ReadBlock(Raw(bytes), bytes.size(), &view).ok());
  CHECK(testing::SameHead(view.head, sample.head));
  CHECK(testing::SameColumns(view.columns, sample.Columns()));
  CHECK(testing::TryBlock(Raw(bytes), bytes.size()));
  CHECK(BelongsTo(view, sample.head, 3, kAdagrad).ok());
  CHECK(CheckContents(view.columns, kAdagrad).ok());
}

TEST(AnEmptyBlockKeepsItsShape) {
  const BlockWriter writer({"t", "sgd", std::string(32, 'a'), 0},
                           {0, 16, 0, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 0, nullptr, 0});
  std::string bytes(writer.size(), 0);
  writer.Write(reinterpret_cast<uint8_t*>(bytes.data()));
  BlockView view;
  CHECK(ReadBlock(Raw(bytes), bytes.size(), &view).ok());
  CHECK(view.columns.rows == 0 && view.columns.dim == 16 && view.columns.width == 0);
}

// The bytes of version 1, for ever; SNAPSHOT.md describes them.
TEST(TheBytesOfVersionOneStay) {
  BlockSample sample;
  sample.head.table = "t";
  const std::string bytes = sample.Bytes();
  const std::string header =
      R"({"__metadata__":{"format":"tandem.block/1","table":"t","layout":"accumulator","stream":"000102030405060708090a0b0c0d0e0f",)"
      R"("block":"7"},"keys":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"removed":{"dtype":"I64","shape":[3],"data_offsets":[16,40]},)"
      R"("admission":{"dtype":"U64","shape":[2],"data_offsets":[40,56]},)"
      R"("values":{"dtype":"F32","shape":[2,3],"data_offsets":[56,80]},"slots":{"dtype":"F32","shape":[2,3],"data_offsets":[80,104]},)"
      R"("steps":{"dtype":"U32","shape":[2],"data_offsets":[104,112]},"seen":{"dtype":"U32","shape":[2],"data_offsets":[112,120]}})";
  const size_t padded = (header.size() + 7) / 8 * 8;
  CHECK(bytes.size() == 8 + padded + 120);
  CHECK(static_cast<unsigned char>(bytes[0]) == padded % 256 && static_cast<unsigned char>(bytes[1]) == padded / 256);
  CHECK(bytes.substr(2, 6) == std::string(6, 0));
  CHECK(bytes.substr(8, header.size()) == header);
  const unsigned char data[120] = {
      3,   0,   0,   0,   0,   0,   0,   0,   255, 255, 255, 255, 255, 255, 255, 255,  // keys
      0,   0,   0,   0,   0,   0,   0,   128, 5,   0,   0,   0,   0,   0,   0,   0,
      255, 255, 255, 255, 255, 255, 255, 127,                                          // removed
      0,   0,   0,   0,   0,   0,   0,   0,   255, 255, 255, 255, 255, 255, 255, 255,  // admission
      0,   0,   128, 63,  0,   0,   0,   64,  0,   0,   64,  64,  0,   0,   128, 192,
      0,   0,   0,   63,  0,   0,   0,   0,  // values
      205, 204, 204, 61,  205, 204, 76,  62,  154, 153, 153, 62,  0,   0,   128, 64,
      0,   0,   160, 64,  0,   0,   192, 64,    // slots
      9,   0,   0,   0,   255, 255, 255, 255,   // steps
      0,   0,   0,   0,   0,   241, 83,  101};  // seen
  CHECK(std::memcmp(bytes.data() + 8 + padded, data, sizeof data) == 0);
}

TEST(WhatIsNoBlockIsRefusedByName) {
  const std::string good = BlockSample().Bytes();
  const struct {
    const char *from, *to, *why;
  } cases[] = {
      {"tandem.block/1", "tandem.block/2", "format is not tandem.block/1"},
      {"\"format\"", "\"formal\"", "format is missing"},
      {"\"table\"", "\"tabel\"", "table is missing"},
      {"\"block\":\"7\"", "\"blocc\":\"7\"", "block is missing"},
      {"\"block\":\"7\"", "\"block\":\"x\"", "block is not a plain decimal number"},
      {"0001020304", "ABCDEFABCD", "stream must be 32 hexadecimal digits"},
      {"\"layout\":\"accumulator\"", "\"layout\":\"\",\"blank\":\"\"", "does not know"},
      {"\"keys\":{\"dtype\":\"I64\"", "\"kevs\":{\"dtype\":\"I64\"", "keys: is missing"},
      {"\"admission\":{\"dtype\":\"U64\"", "\"admixsion\":{\"dtype\":\"U64\"", "admission: is missing"},
      {"\"steps\":{\"dtype\":\"U32\"", "\"steps\":{\"dtype\":\"F32\"", "steps: its dtype is F32, not U32"},
      {"\"values\":{\"dtype\":\"F32\"", "\"values\":{\"dtype\":\"U32\"", "values: its dtype is U32, not F32"},
      {"\"shape\":[2,3]", "\"shape\":[3,2]", "values: has 3 rows, keys has 2"},
      {"\"steps\":{\"dtype\":\"U32\",\"shape\":[2]", "\"steps\":{\"dtype\":\"U32\",\"shape\":[1]", "do not fit"},
  };
  for (const auto& c : cases) {
    const std::string why = Why(Replaced(good, c.from, c.to));
    if (!Mentions(why, c.why)) throw testing::Failure(std::string(c.to) + ": \"" + why + "\", not " + c.why);
  }
}

TEST(AnEighthTensorIsRefused) {
  const std::string good = BlockSample().Bytes();
  uint64_t size = 0;
  std::memcpy(&size, good.data(), 8);
  std::string header = good.substr(8, size);
  header.resize(header.rfind('}'));
  header += R"(,"more":{"dtype":"U32","shape":[0],"data_offsets":[120,120]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t grown = header.size();
  std::string bytes(8, 0);
  std::memcpy(bytes.data(), &grown, 8);
  CHECK(Mentions(Why(bytes + header + good.substr(8 + size)), "has a tensor that tandem.block/1 does not know"));
}

TEST(ATornBlockIsRefusedWhereverItIsCut) {
  const std::string good = BlockSample().Bytes();
  for (size_t size = 0; size < good.size(); ++size) CHECK(!testing::TryBlock(Raw(good), size));
  CHECK(!Why(good + '\0').empty());
}

TEST(ABlockMustLieAligned) {
  const std::string good = BlockSample().Bytes();
  std::vector<uint64_t> room(good.size() / 8 + 2);
  auto* odd = reinterpret_cast<uint8_t*>(room.data()) + 1;
  std::memcpy(odd, good.data(), good.size());
  BlockView view;
  CHECK(Mentions(ReadBlock(odd, good.size(), &view).why(), "multiple of 8 in memory"));
}

TEST(AForeignBlockIsRefusedByWhatIsForeign) {
  const BlockSample sample;
  const std::string bytes = sample.Bytes();
  BlockView view;
  CHECK(ReadBlock(Raw(bytes), bytes.size(), &view).ok());
  const auto why = [&](const BlockHead& head, int dim, const Optimizer& optimizer) {
    return BelongsTo(view, head, dim, optimizer).why();
  };
  BlockHead other = sample.head;
  other.stream[0] = 'f';
  CHECK(Mentions(why(other, 3, kAdagrad), "of stream"));
  other = sample.head;
  other.number = 8;
  CHECK(Mentions(why(other, 3, kAdagrad), "is block 7 of its stream, not 8"));
  other = sample.head;
  other.table = "brand";
  CHECK(Mentions(why(other, 3, kAdagrad), "of table \"user ?id??\", not \"brand\""));
  other = sample.head;
  other.layout = "m+v";
  CHECK(Mentions(why(other, 3, kAdagrad), "of layout \"accumulator\", not \"m+v\""));
  CHECK(Mentions(why(sample.head, 4, kAdagrad), "values: the rows have 3 values, the table's 4"));
  CHECK(Mentions(why(sample.head, 3, {OptimizerKind::kAdam, 0, 0.9, 0.999, 1e-8}), "3 floats of slots, the table's 6"));
}

TEST(ContentsThatCannotBeAreRefusedByRow) {
  BlockSample sample;
  sample.values[4] = std::numeric_limits<float>::quiet_NaN();
  CHECK(Mentions(CheckContents(sample.Columns(), kAdagrad).why(), "values[1] (key -1) is not finite"));
  sample = BlockSample();
  sample.slots[2] = -std::numeric_limits<float>::infinity();
  CHECK(Mentions(CheckContents(sample.Columns(), kAdagrad).why(), "slots[0] (key 3) is not finite"));
  sample = BlockSample();
  sample.slots[5] = -0.5f;
  CHECK(Mentions(CheckContents(sample.Columns(), kAdagrad).why(), "slots[1] (key -1) cannot have come"));
}

TEST(AHeadThatCannotBeReadIsNotWritten) {
  const std::string stream(32, '0');
  CHECK(CheckHead({"t", "adam", stream, 0}).ok());
  CHECK(Mentions(CheckHead({"", "adam", stream, 0}).why(), "table must be UTF-8"));
  CHECK(Mentions(CheckHead({"\xff", "adam", stream, 0}).why(), "table must be UTF-8"));
  CHECK(Mentions(CheckHead({std::string(kMaxName + 1, 'x'), "adam", stream, 0}).why(), "table"));
  CHECK(Mentions(CheckHead({"t", "", stream, 0}).why(), "layout"));
  CHECK(Mentions(CheckHead({"t", "adam", stream + "0", 0}).why(), "stream"));
  // The longest names, all escaped, still fit into a header.
  BlockSample sample;
  sample.head.table = sample.head.layout = std::string(kMaxName, '\x01');
  CHECK(Why(sample.Bytes()).empty());
}

}  // namespace
}  // namespace tandem
