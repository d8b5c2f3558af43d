#include "versions/tensor_files.h"

#include "core/random.h"
#include "core/tests/check.h"
#include "versions/tests/files.h"

namespace tandem::serving {
namespace {

const WrittenTensors kSome = {{"a", {{2}, std::vector<int64_t>{5, -6}}},
                              {"b", {{2, 1}, std::vector<float>{1.5, 2.5}}},
                              {"c", {{}, std::vector<float>{3.5}}},
                              {"d", {{0, 4}, std::vector<float>{}}}};

TEST(TensorsAreReadWhereTheyLie) {
  const Folder folder;
  TensorFiles files;
  CHECK(files.Add(folder.Write("x.safetensors", Safetensors(kSome))).ok() && files.all().size() == 4);
  const Tensor* a = files.Find("a");
  CHECK(a->type == Tensor::Type::kInt64 && a->ints()[1] == -6 && a->text() == "(2,) int64");
  const Tensor* b = files.Find("b");
  CHECK(b->floats()[1] == 2.5 && b->text() == "(2, 1) float32");
  CHECK(files.Find("c")->count == 1 && files.Find("c")->text() == "() float32" && *files.Find("c")->floats() == 3.5);
  CHECK(files.Find("d")->count == 0 && files.Find("e") == nullptr);
}

TEST(AFolderIsTheUnionOfItsFiles) {
  const Folder folder;
  folder.Write("one.safetensors", Safetensors({{"a", {{1}, std::vector<float>{1}}}}));
  folder.Write("two.safetensors", Safetensors({{"b", {{1}, std::vector<float>{2}}}}));
  folder.Write("model.json", "{}");
  TensorFiles files;
  CHECK(files.AddFolder(folder.path("")).ok() && files.all().size() == 2);
  folder.Write("two.safetensors", Safetensors({{"a", {{1}, std::vector<float>{2}}}}));
  TensorFiles twice;
  CHECK(twice.AddFolder(folder.path("")).why() ==
        "two.safetensors has tensor a, which another file of the same part has too");
  TensorFiles nowhere;
  CHECK(nowhere.AddFolder(folder.path("nowhere")).why().find("can't be read") != std::string::npos);
}

TEST(AFileThatIsNotRightIsRefusedByName) {
  const auto entry = [](const std::string& type, const std::string& shape, const std::string& offsets) {
    return R"("a":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  const std::string eight(8, '\0');
  struct Case {
    std::string bytes, says;
  };
  const std::vector<Case> cases = {
      {"", "x is empty"},
      {"1234567", "x is not safetensors: it is torn"},
      {std::string("\xFF\xFF\0\0\0\0\0\0", 8) + "{}", "x is not safetensors: it is torn"},
      {Prefixed("{"), "x is not safetensors: its header is no JSON object"},
      {Prefixed("[]"), "x is not safetensors: its header is no JSON object"},
      {Prefixed("{\"a\":7}"), "x tensor a must have dtype, shape and data_offsets"},
      {Prefixed("{" + entry("F64", "[1]", "[0,8]") + "}") + eight, "x tensor a must be int64 or float32"},
      {Prefixed("{" + entry("I64", "[-1]", "[0,8]") + "}") + eight, "are no lists of sizes"},
      {Prefixed("{" + entry("I64", "[1]", "[8]") + "}") + eight, "are no lists of sizes"},
      {Prefixed("{" + entry("I64", "[2]", "[0,16]") + "}") + eight, "it is torn"},
      {Prefixed("{" + entry("I64", "[1]", "[0,4]") + "}") + eight, "do not fit"},
      {Prefixed("{" + entry("I64", "[1]", "[8,0]") + "}") + eight, "do not fit"},
      {Prefixed("{" + entry("I64", "[4294967296,4294967296]", "[0,8]") + "}") + eight, "beyond 2^64 bytes"},
      {Prefixed("{" + entry("I64", "[1]", "[4,12]") + "}") + eight + eight, "is not aligned to its type"},
      {Prefixed("{" + entry("F32", "[1]", "[0,4]") + "," + entry("F32", "[1]", "[4,8]") + "}") + eight,
       "x has tensor a twice"},
  };
  const Folder folder;
  for (const Case& c : cases) {
    TensorFiles files;
    const Status status = files.Add(folder.Write("x", c.bytes));
    testing::Check(status.why().find(c.says) != std::string::npos, (status.why() + " | wanted: " + c.says).c_str(),
                   __FILE__, __LINE__);
  }
  TensorFiles files;
  CHECK(files.Add(folder.path("absent")).why() == "absent can't be opened: No such file or directory");
}

// Whatever happens to the bytes: what is accepted lies inside of the file.
TEST(AnyBytesAreReadOrRefused) {
  const Folder folder;
  const std::string whole = Safetensors(kSome);
  KeyedStream random(3, 4);
  size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = whole;
    for (uint64_t edits = 1 + random.Next() % 3; edits > 0 && !bytes.empty(); --edits) {
      const size_t at = random.Next() % bytes.size();
      const uint64_t what = random.Next() % 3;
      if (what == 0) bytes.erase(at, 1 + random.Next() % 9);
      if (what == 1) bytes.insert(at, 1, "0123456789[]{}\",:"[random.Next() % 17]);
      if (what == 2) bytes[at] = static_cast<char>(random.Next());
    }
    TensorFiles files;
    refused += !files.Add(folder.Write("x", bytes)).ok();
    double sum = 0;
    for (const auto& [name, tensor] : files.all()) {
      const auto* data = static_cast<const uint8_t*>(tensor.data);
      for (size_t i = 0; i < tensor.count * (tensor.type == Tensor::Type::kInt64 ? 8 : 4); ++i) sum += data[i];
    }
    CHECK(sum >= 0);
  }
  CHECK(refused > 500 && refused < 2000);
}

}  // namespace
}  // namespace tandem::serving
