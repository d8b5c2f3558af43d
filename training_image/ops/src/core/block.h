// A block: some rows of a table, or of a delta, as one safetensors file that can be checked by itself.
//
// Memory:  keys I64 [n] | removed I64 [r] | admission U64 [a] | values F32 [n, dim] | slots F32 [n, width] | steps U32 [n] |
//          seen U32 [n]: always all seven, in this order, where n, r, a and width may be 0. The metadata say which
//          table, layout of slots and stream the block is of, and which of its blocks. BlockView points into the bytes that it
//          was read from.
// Threads: pure functions over memory of the caller.
//
// ReadBlock takes bytes that nobody vouches for: what it lets through can be read without a further check of sizes, and
// BelongsTo and CheckContents say whether a table may take it. Refusals name the tensor or field; the caller puts the
// block's name in front. Digests are the caller's: of the bytes, by whoever stores or fetches them. See SNAPSHOT.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/optimizer.h"
#include "core/safetensors.h"
#include "core/status.h"

namespace tandem {

inline constexpr char kBlockFormat[] = "tandem.block/1";
inline constexpr size_t kMaxName = 4096;  // bytes of a table's name

// Whose block it is.
struct BlockHead {
  std::string table;
  std::string layout;   // of the slots: what they mean
  std::string stream;   // 32 hexadecimal digits, the same in all blocks of one cut
  uint64_t number = 0;  // 0, 1, … in the stream
};

struct BlockColumns {
  size_t rows = 0;
  uint32_t dim = 0, width = 0;  // floats per row: of values, of all slots together
  const int64_t* keys = nullptr;
  const float* values = nullptr;
  const float* slots = nullptr;
  const uint32_t* steps = nullptr;
  const uint32_t* seen = nullptr;
  const int64_t* removed = nullptr;
  size_t removed_size = 0;
  const uint64_t* admission = nullptr;  // the next words of the state of the admission filter
  size_t admission_size = 0;
};

// Lays a block out, so that the caller can make exactly the room it takes. `columns` must outlive it.
class BlockWriter {
 public:
  BlockWriter(const BlockHead& head, const BlockColumns& columns);

  size_t size() const { return size_; }
  // Writes size() bytes.
  void Write(uint8_t* out) const;

 private:
  BlockColumns columns_;
  std::string header_;
  size_t size_ = 0;
};

// Refuses a head that ReadBlock would refuse.
Status CheckHead(const BlockHead& head);

struct BlockView {
  BlockHead head;
  BlockColumns columns;
};

// `bytes` must be aligned to 8; the view is good as long as they are.
Status ReadBlock(const uint8_t* bytes, size_t size, BlockView* view);

// Refuses a block of another table, layout or stream, another number, or rows of another shape.
Status BelongsTo(const BlockView& view, const BlockHead& expected, int dim, const Optimizer& optimizer);

// Refuses values that no table with this optimizer can have held; keys are compared by whoever sees the whole stream.
Status CheckContents(const BlockColumns& columns, const Optimizer& optimizer);

}  // namespace tandem
