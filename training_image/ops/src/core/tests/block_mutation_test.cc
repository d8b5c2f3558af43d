// The block reader under a bounded number of damaged blocks; fuzz/ has the unbounded form.
#include "core/tests/block_sample.h"
#include "core/tests/block_target.h"
#include "core/tests/check.h"
#include "core/tests/mutations.h"

namespace tandem {
namespace {

TEST(NoDamageToABlockBreaksTheReader) {
  testing::BlockSample plain;
  plain.head.table = "t";
  const std::string seeds[] = {testing::BlockSample().Bytes(), plain.Bytes()};
  testing::Mutations mutations(1);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string bytes = mutations.Next(seeds[i % 2]);
    ++(testing::TryBlock(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) ? accepted : refused);
  }
  // Damage to the data alone is for the digest to find; to the header, for the reader.
  CHECK(accepted > 100 && refused > 10000);
}

}  // namespace
}  // namespace tandem
