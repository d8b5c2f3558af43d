// The tables of tests/serving/test_tensors.py, on bytes.
#include <cmath>
#include <limits>
#include <string>

#include "core/tests/check.h"
#include "core/xxh64.h"
#include "door/batch_inputs.h"
#include "door/job.h"
#include "door/tests/request_maker.h"

namespace tandem::serving::door {
namespace {

using namespace tandem::serving::door::testing;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Decoded {
  Refusal refusal;
  Checked checked;
  BatchInputs inputs;
  std::string bytes;
  PredictRequest request;
  ModelSpec spec = SearchSpec();
};

void Decode(const Inputs& changes, Decoded* out, const std::vector<std::string>& outputs = {}) {
  out->bytes = Request(Selector("search"), SearchInputs(changes), outputs);
  out->refusal = Parse(out->bytes, &out->request);
  if (out->refusal.ok()) out->refusal = Check(out->spec, out->request, 100, &out->checked);
  if (!out->refusal.ok()) return;
  out->inputs.Begin(out->spec);
  out->refusal = out->inputs.Append(out->checked);
}

int64_t Id(const std::string& text) { return static_cast<int64_t>(Xxh64(text.data(), text.size())); }

void CheckSearch(Decoded* decoded) {
  CHECK(decoded->refusal.ok());
  CHECK(decoded->checked.rows == 3 && decoded->inputs.rows() == 3);
  const Batch batch = decoded->inputs.Slice(0, 3);
  const int64_t users[] = {1, -2, 1'000'000'000'000};
  const float numbers[] = {0.1f, 0.2f, -1.0f, 2.0f, 0.0f, 0.0f};
  const std::string words[] = {"red", "hat", "", "", "", "", "shoe", "größe", "green"};
  for (int i = 0; i < 3; ++i) CHECK(batch.inputs[0].ids[i] == users[i]);
  for (int i = 0; i < 9; ++i) {
    CHECK(batch.inputs[1].ids[i] == Id(words[i]));
    CHECK(batch.inputs[1].present[i] == !words[i].empty());
  }
  for (int i = 0; i < 6; ++i) CHECK(batch.inputs[2].values[i] == numbers[i]);
}

TEST(OtherFormsOfTheSameAreReadAlike) {
  const std::vector<int64_t> users = {1, -2, 1'000'000'000'000};
  const std::vector<float> numbers = {0.1f, 0.2f, -1.0f, 2.0f, 0.0f, 0.0f};
  const Inputs forms[] = {
      {},
      {{"user", PackedInt64s({3}, users)}},
      {{"user", UnpackedInt64s({3, 1}, users)}},
      {{"user", Int64s({3, 1}, users)}},
      {{"numeric", PackedFloats({3, 2}, numbers)}},
      {{"numeric", UnpackedFloats({3, 2}, numbers)}},
  };
  for (const Inputs& form : forms) {
    Decoded decoded;
    Decode(form, &decoded);
    CheckSearch(&decoded);
  }
}

TEST(OneValueStandsForAll) {
  Decoded decoded;
  Decode({{"numeric", PackedFloats({3, 2}, {0.5f})}, {"user", Int64s({3}, {7})}, {"words", Strings({3, 3}, {"red"})}},
         &decoded);
  CHECK(decoded.refusal.ok());
  const Batch batch = decoded.inputs.Slice(0, 3);
  for (int i = 0; i < 6; ++i) CHECK(batch.inputs[2].values[i] == 0.5f);
  for (int i = 0; i < 3; ++i) CHECK(batch.inputs[0].ids[i] == 7);
  for (int i = 0; i < 9; ++i) CHECK(batch.inputs[1].ids[i] == Id("red") && batch.inputs[1].present[i] == 1);
}

// SearchSpec with the user's side declared: user and words, or all.
void DecodeBeside(const Inputs& changes, Decoded* out, bool all = false) {
  for (InputSpec& input : out->spec.inputs) input.user = all || input.name != "numeric";
  Decode(changes, out);
}

TEST(OneRowOfTheUsersSideIsInEveryRow) {
  const Inputs forms[] = {
      {{"user", Int64s({1}, {7})}, {"words", Strings({1, 3}, {"red", "", "hat"})}},
      {{"user", PackedInt64s({1, 1}, {7})},
       {"words", Strings({3, 3}, {"red", "", "hat", "red", "", "hat", "red", "", "hat"})}},
  };
  for (const Inputs& form : forms) {
    Decoded decoded;
    DecodeBeside(form, &decoded);
    CHECK(decoded.refusal.ok() && decoded.checked.rows == 3);
    CHECK(RowsAtFirstSight(decoded.request) == 3);
    // Beside another request's rows.
    CHECK(decoded.inputs.Append(decoded.checked).ok() && decoded.inputs.rows() == 6);
    const Batch batch = decoded.inputs.Slice(0, 6);
    const char* words[] = {"red", "", "hat"};
    for (int i = 0; i < 6; ++i) CHECK(batch.inputs[0].ids[i] == 7);
    for (int i = 0; i < 18; ++i) {
      CHECK(batch.inputs[1].ids[i] == Id(words[i % 3]) && batch.inputs[1].present[i] == (i % 3 != 1));
    }
    const float numbers[] = {0.1f, 0.2f, -1.0f, 2.0f, 0.0f, 0.0f};
    for (int i = 0; i < 12; ++i) CHECK(batch.inputs[2].values[i] == numbers[i % 6]);
  }
}

TEST(OneRowOfFloatsOfTheUsersSideIsInEveryRow) {
  Decoded decoded;
  decoded.spec.inputs[2].user = true;
  Decode({{"numeric", Floats({1, 2}, {0.5f, -2.0f})}}, &decoded);
  CHECK(decoded.refusal.ok() && decoded.checked.rows == 3);
  const Batch batch = decoded.inputs.Slice(0, 3);
  for (int i = 0; i < 6; ++i) CHECK(batch.inputs[2].values[i] == (i % 2 == 0 ? 0.5f : -2.0f));
}

TEST(ACandidateLessRequestOfTheUsersSideHasNoRows) {
  Decoded decoded;
  DecodeBeside(
      {{"user", Int64s({1}, {7})}, {"words", Strings({1, 3}, {"a", "b", "c"})}, {"numeric", Floats({0, 2}, {})}},
      &decoded);
  CHECK(decoded.refusal.ok() && decoded.checked.rows == 0 && decoded.inputs.rows() == 0);
}

TEST(OneRowStandsForManyOnTheUsersSideOnly) {
  const struct {
    Inputs changes;
    bool all;
    std::string message;
  } table[] = {
      {{{"numeric", Floats({1, 2}, {1, 2})}},
       false,
       "input 'user' has 3 rows, but 'numeric' has 1; all inputs must have as many, or one if of the user's side"},
      {{{"user", Int64s({2}, {1, 2})}},
       false,
       "input 'user' has 2 rows, but 'numeric' has 3; all inputs must have as many, or one if of the user's "
       "side"},
      {{{"user", Int64s({1}, {1})}, {"words", Strings({2, 3}, {"", "", "", "", "", ""})}},
       true,
       "input 'words' has 2 rows, but 'numeric' has 3; all inputs must have as many, or one if of the user's "
       "side"},
  };
  for (const auto& one : table) {
    Decoded decoded;
    DecodeBeside(one.changes, &decoded, one.all);
    CHECK(decoded.refusal.why == one.message);
  }
}

TEST(NoRowsAreNoError) {
  Decoded decoded;
  Decode({{"user", Int64s({0}, {})}, {"words", Strings({0, 3}, {})}, {"numeric", Floats({0, 2}, {})}}, &decoded);
  CHECK(decoded.refusal.ok() && decoded.checked.rows == 0);
  Decode({{"user", Int64s({0}, {5})}, {"words", Strings({0, 3}, {"x"})}, {"numeric", Floats({0, 2}, {1.0f})}},
         &decoded);
  CHECK(decoded.refusal.ok() && decoded.inputs.rows() == 0);
}

TEST(AWrongInputIsRefusedWithItsNameAndTheRemedy) {
  std::string no_shape, unknown_rank;
  PutNumber(&no_shape, 1, kInt64);
  PutNumber(&unknown_rank, 3, 1);
  PutBytes(&no_shape, 2, unknown_rank);
  const std::vector<int64_t> many(101, 1);
  const struct {
    Inputs changes;
    std::string message;
  } table[] = {
      {{{"user", ""}}, "input 'user' is missing; the model takes 'user', 'words', 'numeric'"},
      {{{"user", ""}, {"words", ""}}, "input 'user', 'words' is missing; the model takes 'user', 'words', 'numeric'"},
      {{{"color", Int64s({1}, {1})}, {"a\nb", Int64s({1}, {1})}},
       "input 'a\\nb', 'color' is unknown; the model takes 'user', 'words', 'numeric': leave the others out"},
      {{{"user", Tensor(kInt32, {3})}}, "input 'user' is DT_INT32; it must be DT_INT64"},
      {{{"numeric", Tensor(kDouble, {3, 2})}}, "input 'numeric' is DT_DOUBLE; it must be DT_FLOAT"},
      {{{"words", Int64s({3, 3}, {})}}, "input 'words' is DT_INT64; it must be DT_STRING"},
      {{{"user", Tensor(999, {3})}}, "input 'user' is 999; it must be DT_INT64"},
      {{{"user", Tensor(100, {3})}}, "input 'user' is 100; it must be DT_INT64"},
      {{{"user", Tensor(109, {3})}}, "input 'user' is DT_INT64_REF; it must be DT_INT64"},
      {{{"user", Tensor(-1, {3})}}, "input 'user' is -1; it must be DT_INT64"},
      {{{"numeric", Floats({3, 5}, std::vector<float>(15))}},
       "input 'numeric' has shape (3, 5); it must be (batch, 2)"},
      {{{"user", Int64s({3, 1, 1}, {1, 2, 3})}}, "input 'user' has shape (3, 1, 1); it must be (batch, 1) or (batch,)"},
      {{{"user", Int64s({}, {3})}}, "input 'user' has shape (); it must be (batch, 1) or (batch,)"},
      {{{"user", Int64s(Sizes(10, 1), {3})}},
       "input 'user' has shape (1, 1, 1, 1, 1, 1, 1, 1, …); it must be (batch, 1) or (batch,)"},
      {{{"numeric", Floats({2, 2}, {1, 2, 3, 4})}},
       "input 'user' has 3 rows, but 'numeric' has 2; all inputs must have as many"},
      {{{"numeric", Floats({3, 2}, {0, 0, 0, kNan, 0, 0})}},
       "input 'numeric' has nan in row 1, column 1; send finite numbers only"},
      {{{"numeric", PackedFloats({3, 2}, {-kInfinity})}},
       "input 'numeric' has -inf in row 0, column 0; send finite numbers only"},
      {{{"user", PackedInt64s({3}, {1, 2})}}, "input 'user' has 2 values for shape (3,); send exactly 3"},
      {{{"user", Tensor(kInt64, {3})}}, "input 'user' has 0 values for shape (3,); send exactly 3"},
      {{{"words", Strings({3, 3}, {"a", "b"})}}, "input 'words' has 2 values for shape (3, 3); send exactly 9"},
      {{{"user", Content(kInt64, {3}, "12345")}}, "input 'user': tensor_content has 5 bytes, no multiple of 8"},
      {{{"user", Content(kInt64, {3}, std::string(16, '\0'))}},
       "input 'user' has 2 values for shape (3,); send exactly 3"},
      {{{"user", PackedInt64s({int64_t{1} << 40}, {1})}},
       "input 'user' has 1 values for shape (1099511627776,); send exactly 1099511627776"},
      {{{"user", PackedInt64s({int64_t{1} << 62, int64_t{1} << 62}, {1})}},
       "input 'user' has 1 values for shape (4611686018427387904, 4611686018427387904); send as many as it says"},
      {{{"user", PackedInt64s({-1}, {1})}}, "input 'user' has shape (-1,); sizes must not be negative"},
      {{{"user", no_shape}}, "input 'user' has no shape; send one"},
      {{{"user", Int64s({101}, many)},
        {"words", Strings({101, 3}, {"a"})},
        {"numeric", PackedFloats({101, 2}, {1.0f})}},
       "the request has 101 rows, at most 100 are taken at once; split it"},
  };
  for (const auto& row : table) {
    Decoded decoded;
    Decode(row.changes, &decoded);
    if (decoded.refusal.why != row.message) throw ::tandem::testing::Failure(decoded.refusal.why);
    CHECK(decoded.refusal.code == Code::kInvalidArgument);
  }
}

TEST(OutputsAreChosenInTheOrderAsked) {
  Decoded decoded;
  Decode({}, &decoded);
  CHECK((decoded.checked.outputs == std::vector<size_t>{0, 1}));
  Decode({}, &decoded, {"cvr", "ctr", "cvr"});
  CHECK((decoded.checked.outputs == std::vector<size_t>{1, 0}));
  Decode({}, &decoded, {"cvr", "ctcvr"});
  CHECK(decoded.refusal.why == "output_filter names 'ctcvr'; the model has 'ctr', 'cvr'");
}

TEST(TheLastOfAnInputThatComesTwiceStands) {
  Decoded decoded;
  Inputs inputs = SearchInputs();
  inputs.insert(inputs.begin(), {"user", Int64s({5}, {1, 2, 3, 4, 5})});
  decoded.bytes = Request(Selector("search"), inputs);
  CHECK(Parse(decoded.bytes, &decoded.request).ok());
  CHECK(Check(decoded.spec, decoded.request, 100, &decoded.checked).ok());
  CHECK(decoded.checked.rows == 3);
}

TEST(ARefusedRequestLeavesTheBatchAsItWas) {
  Decoded decoded;
  Decode({}, &decoded);
  const std::string bad = Request(Selector("search"), SearchInputs({{"numeric", PackedFloats({3, 2}, {kNan})}}));
  PredictRequest request;
  Checked checked;
  CHECK(Parse(bad, &request).ok());
  CHECK(Check(decoded.spec, request, 100, &checked).ok());
  CHECK(!decoded.inputs.Append(checked).ok());
  CheckSearch(&decoded);
}

TEST(ABatchHoldsRequestsSideBySide) {
  Decoded decoded;
  Decode({}, &decoded);
  CHECK(decoded.inputs.Append(decoded.checked).ok());
  CHECK(decoded.inputs.rows() == 6);
  const Batch later = decoded.inputs.Slice(4, 2);
  CHECK(later.rows == 2 && later.inputs[0].ids[0] == -2 && later.inputs[0].ids[1] == 1'000'000'000'000);
  CHECK(later.inputs[1].ids[3] == Id("shoe") && later.inputs[2].values[0] == -1.0f);
  decoded.inputs.Begin(decoded.spec);
  CHECK(decoded.inputs.rows() == 0);
}

}  // namespace
}  // namespace tandem::serving::door
