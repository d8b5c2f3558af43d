#include "dense/program.h"

#include "dense/tests/sample.h"

namespace tandem::serving {
namespace {

using nlohmann::json;
using namespace testing;

// Features a (3), b (4), c (1); slots of several shapes; a chain of one step, which the cases replace.
json Base(json steps, std::vector<std::string> outputs = {"y"}) {
  return ProgramJson({3, 4, 1}, {{7, 5}, {5}, {5, 1}, {1, 5}, {1}, {}, {2, 5}}, std::move(steps), outputs);
}

json Concat(const char* out = "v:x") { return {{"op", "concat"}, {"in", {"f:a", "f:b"}}, {"out", out}}; }

std::string WhyNot(const json& program, std::vector<size_t> counts = {}) {
  Program parsed;
  return ParseProgram(program.dump(), counts.empty() ? Counts(program) : counts, &parsed).why();
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void Expect(const char* name, const std::string& why, const std::string& part) {
  if (Has(why, part)) return;
  throw tandem::testing::Failure(std::string(name) + ": \"" + why + "\" does not say \"" + part + "\"");
}

TEST(a_chain_is_numbered_and_its_widths_are_worked_out) {
  const Program program = Parsed(Base(
      {Concat(),
       {{"op", "dense"}, {"in", "v:x"}, {"kernel", "s:0"}, {"bias", "s:1"}, {"activation", "relu"}, {"out", "v:h"}},
       {{"op", "mul"}, {"in", {"f:c", "v:h"}}, {"out", "v:m"}},
       {{"op", "add"}, {"in", {"v:m", "s:3"}}, {"out", "v:n"}},
       {{"op", "slice"}, {"in", "v:n"}, {"begin", 4}, {"size", 1}, {"out", "v:y"}}}));
  CHECK(program.values() == 8 && program.chain.size() == 5);
  CHECK(program.width(3) == 7 && program.width(4) == 5 && program.width(5) == 5 && program.width(7) == 1);
  CHECK(program.chain[1].slot == 0 && program.chain[1].bias == 1 && program.chain[1].activation == Activation::kRelu);
  // What is one float wide stands second.
  CHECK((program.chain[2].in == std::vector<size_t>{4, 2}) && program.chain[2].slot == kNone);
  CHECK((program.chain[3].in == std::vector<size_t>{5}) && program.chain[3].slot == 3);
  CHECK((program.chain_outputs == std::vector<size_t>{7}));
  CHECK(program.slots[5].floats() == 1 && program.slots[6].floats() == 10);
}

TEST(results_of_the_fold_may_be_taken_at_intervals) {
  json program = Base(json::array());
  program["chain"] = nullptr;
  program.erase("chain_outputs");
  program["no_chain_because"] = "intervals";
  program["fold"] = {{"graph", "fold.pb"}, {"inputs", json::array()}, {"outputs", json::array()}};
  CHECK(!Parsed(program).fold.intervals);
  program["fold"]["intervals"] = nullptr;
  CHECK(!Parsed(program).fold.intervals);
  program["fold"]["intervals"] = {{"count_interval", 100}, {"time_interval", 2.5}};
  const Program parsed = Parsed(program);
  CHECK(parsed.fold.intervals->calls == 100 && parsed.fold.intervals->seconds == 2.5);
  for (const json& wrong : {json(-1), json("x"), json(1e300)}) {
    program["fold"]["intervals"]["time_interval"] = wrong;
    Expect("seconds", WhyNot(program), "fold.intervals.time_interval: must be seconds from 0 to 10^9");
  }
  program["fold"]["intervals"] = {{"count_interval", 0.5}, {"time_interval", 0}};
  Expect("calls", WhyNot(program), "fold.intervals.count_interval: must be a whole number");
  program = Base({Concat()});
  program["fold"] = {{"graph", "fold.pb"},
                     {"inputs", json::array()},
                     {"outputs", json::array()},
                     {"intervals", {{"count_interval", 1}, {"time_interval", 0}}}};
  Expect("chain", WhyNot(program), "chain: must be null where fold has intervals");
}

TEST(an_output_may_be_a_feature_and_stand_twice) {
  json program = Base({Concat()}, {"p", "q"});
  program["chain_outputs"] = {"f:c", "f:c"};
  CHECK((Parsed(program).chain_outputs == std::vector<size_t>{2, 2}));
}

TEST(steps_that_do_not_fit_are_refused_by_their_place) {
  const json x = Concat();
  const auto dense = [](json in, json kernel, json more = json::object()) {
    json step = {{"op", "dense"}, {"in", in}, {"kernel", kernel}, {"out", "v:y"}};
    step.update(more);
    return step;
  };
  const struct {
    const char* name;
    json steps;
    const char* says;
  } cases[] = {
      {"no steps", json::array(), "chain: has no steps"},
      {"no list", "relu", "chain: must be a list"},
      {"no object", {7}, "chain[0].op: must be a text"},
      {"unknown operation", {{{"op", "conv"}, {"in", "f:a"}, {"out", "v:y"}}}, "chain[0].op: \"conv\" is not known"},
      {"unknown field",
       {{{"op", "relu"}, {"in", "f:a"}, {"out", "v:y"}, {"alpha", 1}}},
       "chain[0] (relu): field \"alpha\" is not known"},
      {"reads what comes later",
       {{{"op", "relu"}, {"in", "v:y"}, {"out", "v:y"}}},
       "reads \"v:y\", which is no feature"},
      {"reads no feature", {{{"op", "relu"}, {"in", "f:z"}, {"out", "v:y"}}}, "reads \"f:z\", which is no feature"},
      {"reads a slot", {{{"op", "relu"}, {"in", "s:1"}, {"out", "v:y"}}}, "reads \"s:1\""},
      {"reads a list", {{{"op", "relu"}, {"in", {"f:a"}}, {"out", "v:y"}}}, "chain[0] (relu).in: must be a text"},
      {"makes no value", {{{"op", "relu"}, {"in", "f:a"}, {"out", "y"}}}, "out \"y\" must begin with v:"},
      {"makes it twice", {x, x}, "chain[1] (concat): makes \"v:x\" a second time"},
      {"concat of none", {{{"op", "concat"}, {"in", json::array()}, {"out", "v:y"}}}, "\"in\" must have 1 or more"},
      {"kernel out of range", {x, dense("v:x", "s:7")}, "kernel \"s:7\" is no slot (s:0 …) of the 7 in slots"},
      {"kernel is a value", {x, dense("v:x", "v:x")}, "kernel \"v:x\" is no slot"},
      {"kernel with a sign", {x, dense("v:x", "s:-1")}, "kernel \"s:-1\" is no slot"},
      {"kernel beyond size_t", {x, dense("v:x", "s:18446744073709551616")}, "is no slot"},
      {"kernel of another height",
       {x, dense("v:x", "s:6")},
       "chain[1] (dense): kernel \"w6\" [2, 5] must be [7, n], as wide as what it reads"},
      {"kernel of rank 1", {x, dense("v:x", "s:1")}, "kernel \"w1\" [5] must be [7, n]"},
      {"bias of another width", {x, dense("v:x", "s:0", {{"bias", "s:4"}})}, "bias \"w4\" [1] must be [5]"},
      {"bias out of range", {x, dense("v:x", "s:0", {{"bias", "s:9"}})}, "bias \"s:9\" is no slot"},
      {"bias that is a column", {x, dense("v:x", "s:0", {{"bias", "s:2"}})}, "bias \"w2\" [5, 1] must be [5]"},
      {"activation", {x, dense("v:x", "s:0", {{"activation", "tanh"}})}, "activation \"tanh\" is none of"},
      {"add of three", {{{"op", "add"}, {"in", {"f:a", "f:a", "f:a"}}, {"out", "v:y"}}}, "\"in\" must have 2 entries"},
      {"add of two widths",
       {{{"op", "add"}, {"in", {"f:a", "f:b"}}, {"out", "v:y"}}},
       "rows of 3 and 4 floats do not go together"},
      {"mul with a slot of another width",
       {{{"op", "mul"}, {"in", {"f:a", "s:1"}}, {"out", "v:y"}}},
       "slot \"w1\" [5] must be [3]"},
      {"mul of slots", {{{"op", "mul"}, {"in", {"s:1", "s:1"}}, {"out", "v:y"}}}, "reads \"s:1\""},
      {"dot of two widths", {{{"op", "dot"}, {"in", {"f:a", "f:b"}}, {"out", "v:y"}}}, "rows of 3 and 4 floats"},
      {"slice past the end",
       {{{"op", "slice"}, {"in", "f:b"}, {"begin", 3}, {"size", 2}, {"out", "v:y"}}},
       "columns 3 to 5 do not lie in rows of 4 floats"},
      {"slice of nothing",
       {{{"op", "slice"}, {"in", "f:b"}, {"begin", 3}, {"size", 0}, {"out", "v:y"}}},
       "columns 3 to 3"},
      {"slice from before",
       {{{"op", "slice"}, {"in", "f:b"}, {"begin", -1}, {"size", 1}, {"out", "v:y"}}},
       "(slice).begin: must be a whole number"},
      {"slot that is a column",
       {{{"op", "add"}, {"in", {"f:c", "s:2"}}, {"out", "v:y"}}},
       "slot \"w2\" [5, 1] must be [5]"},
      {"reshape into other rows",
       {{{"op", "reshape"}, {"in", "f:b"}, {"width", 3}, {"out", "v:y"}}},
       "4 floats for a sample do not make rows of 3"},
      {"reshape into nothing", {{{"op", "reshape"}, {"in", "f:b"}, {"width", 0}, {"out", "v:y"}}}, "rows of 0"},
      {"an output of two rows",
       {{{"op", "reshape"}, {"in", "f:b"}, {"width", 1}, {"out", "v:y"}}},
       "chain's output \"y\": has 4 rows of 1 floats for a sample"},
      {"rows that do not go together",
       {{{"op", "reshape"}, {"in", "f:b"}, {"width", 1}, {"out", "v:x"}},
        {{"op", "mul"}, {"in", {"v:x", "f:c"}}, {"out", "v:y"}}},
       "chain[1] (mul): reads 1 and 4 rows for a sample"},
      {"no such output", {x}, "chain's output \"y\": no step makes it"},
      {"a wide output",
       {Concat("v:y")},
       "chain's output \"y\": has 1 rows of 7 floats for a sample; it must be one of 1"},
  };
  for (const auto& one : cases) {
    const std::string why = WhyNot(Base(one.steps));
    Expect(one.name, why, one.says);
    Expect(one.name, why, "program.json: chain");
  }
}

TEST(a_document_that_does_not_fit_is_refused_by_its_place) {
  const json good = Base({{{"op", "slice"}, {"in", "f:b"}, {"begin", 0}, {"size", 1}, {"out", "v:y"}}});
  CHECK(WhyNot(good).empty());
  const struct {
    const char* name;
    const char* pointer;
    json value;
    const char* says;
  } cases[] = {
      {"another format", "/format", "tandem.program/2", "format: \"tandem.program/2\" is not tandem.program/1"},
      {"no format", "/format", nullptr, "format: must be a text"},
      {"unknown field", "/extra", 1, "field \"extra\" is not known; this server may be older"},
      {"feature of no width", "/features/1/width", 0, "features[1].width: must be at least 1"},
      {"feature of half a width", "/features/1/width", 1.5, "features[1].width: must be a whole number"},
      {"feature too wide", "/features/1/width", 1 << 21, "features[1].width: must be a whole number from 0 to 1048576"},
      {"two of a name", "/features/1/name", "a", "features[1]: name \"a\" stands twice"},
      {"no features", "/features", json::array(), "features: must have at least one"},
      {"no outputs", "/outputs", json::array(), "outputs: must have at least one"},
      {"slot of two origins", "/slots/0/fold", 0, "slots[0]: must have one of"},
      {"slot of no weight", "/slots/0/weight", 7, "slots[0]: weight 7 is not there; model.json has 7"},
      {"slot of another size", "/slots/0/shape/0", 6, "slots[0]: shape has 30 floats, weight 0 of model.json has 35"},
      {"slot of a huge size", "/slots/0/shape/0", 268435456, "slots[0].shape: is larger than 2^28 floats"},
      {"a path for a file", "/rest/graph", "../rest.pb", "rest.graph: \"../rest.pb\" must be the name of a file"},
      {"tensors missing", "/rest/features", {"a:0"}, "rest.features: has 1 entries; there must be one for each"},
      {"slots missing", "/rest/slots", json::array(), "rest.slots: has 0 entries"},
      {"fold without outputs",
       "/fold",
       {{"graph", "fold.pb"}, {"inputs", json::array()}},
       "fold.outputs: must be a list"},
      {"fold of no weight",
       "/fold",
       {{"graph", "fold.pb"}, {"inputs", {{{"tensor", "t:0"}, {"weight", 7}}}}, {"outputs", {"o:0"}}},
       "fold.inputs[0]: weight 7 is not there"},
      {"no chain, no reason", "/chain", nullptr, "no_chain_because: must be a text"},
      {"outputs of the chain", "/chain_outputs", json::array(), "chain_outputs: must have one entry for each"},
  };
  for (const auto& one : cases) {
    json changed = good;
    changed[json::json_pointer(one.pointer)] = one.value;
    Expect(one.name, WhyNot(changed, Counts(good)), std::string("program.json: ") + one.says);
  }
  json folded = good;
  folded["slots"][0].erase("weight");
  folded["slots"][0]["fold"] = 0;
  Expect("fold output", WhyNot(folded, Counts(good)), "slots[0]: fold output 0 is not there; fold.outputs has 0");
}

TEST(bytes_that_are_no_program_are_refused) {
  Program program;
  for (const char* text :
       {"", "{", "[]", "null", "7", "\"x\"", "{\"format\":\"tandem.program/1\"}", "{\"format\":\xff}"}) {
    CHECK(!ParseProgram(text, {}, &program).ok());
  }
  CHECK(Has(ParseProgram(std::string(kMaxProgram + 1, ' '), {}, &program).why(), "at most 4194304"));
  CHECK(!ParseProgram(std::string(100000, '['), {}, &program).ok());
}

// Every cut and every changed byte is refused or parsed; sanitizers see what goes wrong between.
TEST(damaged_bytes_harm_nothing) {
  const json good = Base({{{"op", "slice"}, {"in", "f:b"}, {"begin", 0}, {"size", 1}, {"out", "v:y"}}});
  const std::string text = good.dump();
  const std::vector<size_t> counts = Counts(good);
  Program program;
  for (size_t i = 0; i < text.size(); ++i) {
    CHECK(!ParseProgram(text.substr(0, i), counts, &program).ok());
    for (char byte : {'0', '9', '"', '}', '-', '\0', '\x80'}) {
      std::string changed = text;
      changed[i] = byte;
      if (ParseProgram(changed, counts, &program).ok()) CHECK(program.chain_outputs.size() == 1);
    }
  }
}

}  // namespace
}  // namespace tandem::serving
