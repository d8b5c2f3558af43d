// A small model for tests, its bases and updates as files, and its answers.
//
// Memory:  small.
// Threads: each test its own Shop.
//
// user: int64, table user (dim 2, freezing); words: up to three strings, table word (dim 3, changing), mean; numeric:
// two floats. Outputs ctr and cvr by FakeDense.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/tests/check.h"
#include "versions/features.h"
#include "versions/line.h"
#include "versions/tests/fake_dense.h"
#include "versions/tests/files.h"
#include "versions/versions.h"

namespace tandem::serving {

inline const char kShopModel[] = R"({"format":"tandem.model/1","name":"shop/search",
 "inputs":[{"name":"user","dtype":"int64","table":"user","pooling":"none","length":1},
           {"name":"words","dtype":"string","table":"word","pooling":"mean","length":3},
           {"name":"numeric","dtype":"float32","table":null,"pooling":"none","length":2}],
 "tables":[{"name":"user","dim":2,"group":"freezing"},{"name":"word","dim":3,"group":"changing"}],
 "weights":[{"name":"scale","shape":[2]},{"name":"variance","shape":[]}],
 "dense":{"graph":"dense.graph.pb","features":["numeric","user","words"],
          "feature_inputs":["a:0","b:0","c:0"],"weight_inputs":["d:0","e:0"],"outputs":["f:0","g:0"]},
 "outputs":[{"name":"ctr","dtype":"float32","task":"ctr"},{"name":"cvr","dtype":"float32","task":"cvr"}]})";

// Every weight of a record.
inline WrittenTensors ShopWeights(float scale = 1, float variance = 1) {
  return {{"weights/scale", {{2}, std::vector<float>{scale, 2 * scale}}},
          {"weights/variance", {{}, std::vector<float>{variance}}}};
}

inline WrittenTensors Joined(WrittenTensors first, const WrittenTensors& second) {
  first.insert(second.begin(), second.end());
  return first;
}

// Rows all of whose floats are the same.
inline WrittenTensors ShopRows(const std::string& table, const std::vector<int64_t>& keys,
                               const std::vector<float>& values) {
  const size_t dim = table == "user" ? 2 : 3;
  std::vector<float> all;
  for (const float value : values) all.insert(all.end(), dim, value);
  return {{"rows/" + table + "/keys", {{keys.size()}, keys}}, {"rows/" + table + "/values", {{keys.size(), dim}, all}}};
}

inline WrittenTensors ShopRemoved(const std::string& table, const std::vector<int64_t>& keys) {
  return {{"rows/" + table + "/removed", {{keys.size()}, keys}}};
}

struct Shop {
  Folder folder;
  TableSet tables{1000000};
  Versions versions{&tables};
  std::string report;

  static Status OpenDense(const std::string&, const std::vector<size_t>& counts, std::unique_ptr<Dense>* made) {
    CHECK((counts == std::vector<size_t>{2, 1}));
    *made = std::make_unique<FakeDense>(std::vector<size_t>{2, 2, 3}, 2);
    return Status();
  }

  // Users 1, 2, 3 and words 10, 20; `user` goes into every row of users.
  static std::map<std::string, WrittenTensors> Parts(float user = 1) {
    return {{"rows-user.safetensors", ShopRows("user", {1, 2, 3}, {user, user + 1, user + 2})},
            {"rows-word.safetensors", ShopRows("word", {10, 20}, {10, 20})},
            {"weights.safetensors", ShopWeights()}};
  }

  BaseFolder WriteBase(int64_t base, const std::map<std::string, WrittenTensors>& parts = Parts(),
                       const std::string& model = kShopModel) const {
    const std::string name = "base-" + std::to_string(base) + "/";
    folder.Write(name + "model.json", model);
    for (const auto& [file, tensors] : parts) folder.Write(name + file, Safetensors(tensors));
    return {base, folder.path(name), "2026-01-01T00:00:00.000Z"};
  }

  UpdateFile WriteUpdate(int64_t base, int64_t update, const WrittenTensors& tensors, bool keyframe = false) const {
    const std::string name = "update-" + std::to_string(base) + "-" + std::to_string(update);
    return {base, update, keyframe, folder.Write(name, Safetensors(tensors)), "2026-01-02T00:00:00.000Z"};
  }

  Outcome Load(
      const BaseFolder& base, std::unique_ptr<Line>* line, const std::function<bool()>& pace = [] { return true; }) {
    return Line::Load(&tables, base, OpenDense, pace, line, &report);
  }

  std::unique_ptr<Line> Loaded(int64_t base, const std::map<std::string, WrittenTensors>& parts = Parts()) {
    std::unique_ptr<Line> line;
    const Outcome outcome = Load(WriteBase(base, parts), &line);
    testing::Check(outcome.ok(), outcome.why().c_str(), __FILE__, __LINE__);
    return line;
  }

  // The first float of a row as a version sees it; 0 if there is none.
  static float RowOf(const Version& version, size_t table, int64_t key) {
    const float* row = version.table(table).Find(version.view(), key);
    return row == nullptr ? 0 : *row;
  }

  // ctr of one user with one word and no numbers.
  static float Answer(const Version& version, int64_t user, int64_t word) {
    const auto scratch = version.dense().NewScratch();
    const FeatureRoom* rooms = scratch->Room(1);
    const int64_t words[] = {word, 0, 0};
    const bool present[] = {true, false, false};
    rooms[0].data[0] = rooms[0].data[1] = 0;
    FillFeature(version, version.spec().inputs[0], &user, nullptr, 1, rooms[1]);
    FillFeature(version, version.spec().inputs[1], words, present, 1, rooms[2]);
    float ctr = 0, cvr = 0;
    float* outputs[] = {&ctr, &cvr};
    CHECK(version.dense().Run(version.weights(), scratch.get(), 1, outputs).ok() && cvr == 2 * ctr);
    return ctr;
  }
};

}  // namespace tandem::serving
