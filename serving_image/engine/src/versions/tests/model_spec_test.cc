#include "versions/model_spec.h"

#include "core/tests/check.h"
#include "versions/tests/shop.h"

namespace tandem::serving {
namespace {

TEST(AModelIsReadWithPlacesForNames) {
  ModelSpec spec;
  const Status status = ParseModelSpec(kShopModel, &spec);
  testing::Check(status.ok(), status.why().c_str(), __FILE__, __LINE__);
  CHECK(spec.name == "shop/search" && spec.inputs.size() == 3 && spec.outputs[1].name == "cvr");
  CHECK((spec.features == std::vector<size_t>{2, 0, 1}));
  CHECK(spec.inputs[1].table == 1 && spec.inputs[1].type == InputType::kString && spec.inputs[2].table == kNoTable);
  CHECK(spec.tables[0].freezing && !spec.tables[1].freezing && spec.weights[0].count == 2 &&
        spec.weights[1].count == 1);
  CHECK(spec.width(spec.inputs[0]) == 2 && spec.width(spec.inputs[1]) == 3 && spec.width(spec.inputs[2]) == 2);
  spec.inputs[1].pooling = Pooling::kNone;
  CHECK(spec.width(spec.inputs[1]) == 9);
}

TEST(AnInputIsOfTheItemsSideUnlessItSaysTheUsers) {
  for (const auto& [said, user] :
       {std::pair<std::string, bool>{"", false}, {",\"side\":\"item\"", false}, {",\"side\":\"user\"", true}}) {
    std::string model = kShopModel;
    model.insert(model.find("\"length\":3") + 10, said);
    ModelSpec spec;
    CHECK(ParseModelSpec(model, &spec).ok());
    CHECK(!spec.inputs[0].user && spec.inputs[1].user == user && !spec.inputs[2].user);
  }
}

// Each case is the model with one piece replaced.
TEST(AModelThatIsNotRightIsRefusedByTheNameOfTheField) {
  struct Case {
    std::string piece, instead, says;
  };
  const std::vector<Case> cases = {
      {"tandem.model/1", "tandem.model/2", "format must be one of tandem.model/1"},
      {"\"name\":\"shop/search\",", "", "name is missing"},
      {"\"name\":\"shop/search\",", "\"name\":\"shop/search\",\"extra\":1,", "extra is a field"},
      {"\"name\":\"shop/search\"", "\"name\":7", "name must be a string"},
      {"\"dtype\":\"int64\"", "\"dtype\":\"int32\"", "inputs[0].dtype must be one of int64, string, float32"},
      {"\"dtype\":\"int64\"", "\"dtype\":\"float32\"", "inputs[0].table must be null for float32"},
      {"\"table\":null", "\"table\":\"user\"", "inputs[2].table must be null for float32"},
      {"\"table\":\"word\"", "\"table\":\"term\"", "inputs[1].table is \"term\", which is not in tables"},
      {"\"length\":3", "\"length\":0", "inputs[1].length must be an integer from 1"},
      {"\"length\":3", "\"length\":-3", "inputs[1].length must be an integer from 1"},
      {"\"pooling\":\"mean\"", "\"pooling\":\"max\"", "inputs[1].pooling must be one of none, sum, mean"},
      {"\"name\":\"words\"", "\"name\":\"user\"", "inputs has \"user\" twice"},
      {"\"length\":3", "\"length\":3,\"side\":\"both\"", "inputs[1].side must be one of item, user"},
      {"\"length\":3", "\"length\":3,\"sides\":\"user\"", "inputs[1].sides is a field"},
      {"\"dim\":2", "\"dim\":0.5", "tables[0].dim must be an integer"},
      {"\"freezing\"", "\"frozen\"", "tables[0].group must be one of changing, freezing"},
      {"\"shape\":[]", "\"shape\":[16777216,16777216,16777216]", "weights[1].shape is of more floats"},
      {"\"shape\":[2]", "\"shape\":2", "weights[0].shape must be a list"},
      {"\"features\":[\"numeric\",\"user\",\"words\"]", "\"features\":[\"numeric\",\"user\",\"user\"]",
       "dense.features[2] must be the name of an input, and each stands once"},
      {"\"features\":[\"numeric\",\"user\",\"words\"]", "\"features\":[\"numeric\",\"user\"]",
       "dense.features must have every input"},
      {"\"weight_inputs\":[\"d:0\",\"e:0\"]", "\"weight_inputs\":[\"d:0\"]", "dense.weight_inputs must have 2 entries"},
      {"\"graph\":\"dense.graph.pb\",", "", "dense.graph is missing"},
      {"\"outputs\":[{", "\"outputs\":{\"a\":[{", "is not JSON"},
  };
  for (const Case& c : cases) {
    std::string model = kShopModel;
    CHECK(model.find(c.piece) != std::string::npos);
    model.replace(model.find(c.piece), c.piece.size(), c.instead);
    ModelSpec spec;
    const Status status = ParseModelSpec(model, &spec);
    testing::Check(status.why().find(c.says) != std::string::npos, (status.why() + " | wanted: " + c.says).c_str(),
                   __FILE__, __LINE__);
  }
}

// Whatever is cut out of a model or put into it: an answer, never a crash.
TEST(AnyBytesAreReadOrRefused) {
  KeyedStream random(1, 2);
  size_t refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string model = kShopModel;
    for (uint64_t edits = 1 + random.Next() % 3; edits > 0; --edits) {
      const size_t at = random.Next() % model.size();
      if (random.Next() % 2 == 0) {
        model.erase(at, 1 + random.Next() % 20);
      } else {
        model.insert(at, 1, "{}[]\",:0-1e9nul\\"[random.Next() % 17]);
      }
    }
    ModelSpec spec;
    refused += !ParseModelSpec(model, &spec).ok();
  }
  CHECK(refused > 2500);
}

}  // namespace
}  // namespace tandem::serving
