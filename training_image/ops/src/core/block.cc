#include "core/block.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <vector>

#include "core/finite.h"
#include "core/rows.h"

namespace tandem {
namespace {

constexpr size_t kTensors = 7;
constexpr size_t kStreamDigits = 32;

// A tensor of the format: how it is called, what it holds, and where its parts are in BlockColumns.
struct Column {
  const char* name;
  Dtype dtype;
  bool of_row;  // one entry per row
  uint64_t count;
  bool matrix;
  uint32_t width;  // of a matrix
  const void* data;
};

// In the order in which they lie in the file.
std::vector<Column> ColumnsOf(const BlockColumns& c) {
  return {{"keys", Dtype::kI64, true, c.rows, false, 0, c.keys},
          {"removed", Dtype::kI64, false, c.removed_size, false, 0, c.removed},
          {"admission", Dtype::kU64, false, c.admission_size, false, 0, c.admission},
          {"values", Dtype::kF32, true, c.rows, true, c.dim, c.values},
          {"slots", Dtype::kF32, true, c.rows, true, c.width, c.slots},
          {"steps", Dtype::kU32, true, c.rows, false, 0, c.steps},
          {"seen", Dtype::kU32, true, c.rows, false, 0, c.seen}};
}

uint64_t BytesOf(const Column& column) {
  return column.count * SizeOf(column.dtype) * (column.matrix ? uint64_t{column.width} : 1);
}

bool IsDigits(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Plain decimal below 10^18, written in the only way.
bool ParseNumber(const std::string& text, uint64_t* number) {
  constexpr size_t kSafeDigits = 18;
  if (!IsDigits(text) || text.size() > kSafeDigits || (text.size() > 1 && text[0] == '0')) return false;
  *number = std::stoull(text);
  return true;
}

bool IsHex(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Status ReadHead(const SafetensorsHeader& header, BlockHead* head) {
  const struct {
    const char* name;
    std::string* out;
  } fields[] = {{"format", nullptr},
                {"table", &head->table},
                {"layout", &head->layout},
                {"stream", &head->stream},
                {"block", nullptr}};
  for (const auto& field : fields) {
    const std::string* value = header.FindMetadata(field.name);
    if (value == nullptr) return Status::Refused(std::string("metadata: ") + field.name + " is missing");
    if (field.out != nullptr) *field.out = *value;
  }
  if (header.metadata.size() != std::size(fields)) {
    return Status::Refused("metadata: has a name that " + std::string(kBlockFormat) + " does not know");
  }
  if (*header.FindMetadata("format") != kBlockFormat) {
    return Status::Refused("metadata: format is not " + std::string(kBlockFormat) + ", the only one read here");
  }
  if (!ParseNumber(*header.FindMetadata("block"), &head->number)) {
    return Status::Refused("metadata: block is not a plain decimal number");
  }
  return CheckHead(*head);
}

// A tensor of a block that is being read.
struct Tensor {
  uint64_t begin = 0;  // in the data
  uint64_t count = 0;
  uint32_t width = 0;
};

Status ReadShape(const TensorEntry& entry, const Column& column, Tensor* tensor) {
  const std::string called = column.name;
  if (entry.dtype != column.dtype) {
    return Status::Refused(called + ": its dtype is " + NameOf(entry.dtype) + ", not " + NameOf(column.dtype));
  }
  const size_t rank = column.matrix ? 2 : 1;
  if (entry.shape.size() != rank) {
    return Status::Refused(called + ": is of rank " + std::to_string(entry.shape.size()) + ", not " +
                           std::to_string(rank));
  }
  if (column.matrix && entry.shape[1] > UINT32_MAX) return Status::Refused(called + ": has rows wider than 2^32");
  *tensor = {entry.begin, entry.shape[0], column.matrix ? static_cast<uint32_t>(entry.shape[1]) : 0};
  return Status();
}

// The tensors in the order of ColumnsOf; those of the rows have as many rows as there are keys.
Status FindTensors(const SafetensorsHeader& header, std::array<Tensor, kTensors>* tensors) {
  const std::vector<Column> columns = ColumnsOf(BlockColumns());
  for (size_t i = 0; i < kTensors; ++i) {
    const std::string called = columns[i].name;
    const TensorEntry* entry = header.Find(called);
    if (entry == nullptr) return Status::Refused(called + ": is missing");
    if (Status status = ReadShape(*entry, columns[i], &(*tensors)[i]); !status.ok()) return status;
    if (columns[i].of_row && (*tensors)[i].count != (*tensors)[0].count) {
      return Status::Refused(called + ": has " + std::to_string((*tensors)[i].count) + " rows, keys has " +
                             std::to_string((*tensors)[0].count));
    }
  }
  if (header.tensors.size() != kTensors) {
    return Status::Refused("header: has a tensor that " + std::string(kBlockFormat) + " does not know");
  }
  return Status();
}

template <typename T>
const T* At(const uint8_t* data, const Tensor& tensor) {
  return reinterpret_cast<const T*>(data + tensor.begin);
}

// The first row of a matrix that has a value which is not finite; `rows` if there is none.
size_t FirstRowNotFinite(const float* values, size_t rows, size_t width) {
  return width == 0 ? rows : FirstNotFinite(values, rows * width) / width;
}

Status Differs(const char* what, const std::string& found, const std::string& expected) {
  return Status::Refused(std::string("is a block of ") + what + " " + Quoted(found) + ", not " + Quoted(expected));
}

}  // namespace

BlockWriter::BlockWriter(const BlockHead& head, const BlockColumns& columns) : columns_(columns) {
  SafetensorsHeader header;
  header.metadata = {{"format", kBlockFormat},
                     {"table", head.table},
                     {"layout", head.layout},
                     {"stream", head.stream},
                     {"block", std::to_string(head.number)}};
  uint64_t at = 0;
  for (const Column& column : ColumnsOf(columns_)) {
    TensorEntry entry{column.name, column.dtype, {column.count}, at, at + BytesOf(column)};
    if (column.matrix) entry.shape.push_back(column.width);
    at = entry.end;
    header.tensors.push_back(std::move(entry));
  }
  header_ = WriteHeader(header);
  size_ = header_.size() + at;
}

void BlockWriter::Write(uint8_t* out) const {
  out = std::copy(header_.begin(), header_.end(), out);
  for (const Column& column : ColumnsOf(columns_)) {
    const size_t bytes = BytesOf(column);
    if (bytes != 0) std::memcpy(out, column.data, bytes);
    out += bytes;
  }
}

Status CheckHead(const BlockHead& head) {
  if (head.table.empty() || head.table.size() > kMaxName || !IsUtf8(head.table)) {
    return Status::Refused("metadata: table must be UTF-8 of 1 to " + std::to_string(kMaxName) + " bytes");
  }
  if (head.layout.empty() || head.layout.size() > kMaxName || !IsUtf8(head.layout)) {
    return Status::Refused("metadata: layout must be UTF-8 of 1 to " + std::to_string(kMaxName) + " bytes");
  }
  if (head.stream.size() != kStreamDigits || !IsHex(head.stream)) {
    return Status::Refused("metadata: stream must be 32 hexadecimal digits in lower case");
  }
  return Status();
}

Status ReadBlock(const uint8_t* bytes, size_t size, BlockView* view) {
  *view = BlockView();
  if (reinterpret_cast<uintptr_t>(bytes) % alignof(int64_t) != 0) {
    return Status::Refused("does not lie at a multiple of 8 in memory");
  }
  SafetensorsHeader header;
  size_t data_begin = 0;
  if (Status status = ReadHeader(bytes, size, &header, &data_begin); !status.ok()) return status;
  if (Status status = ReadHead(header, &view->head); !status.ok()) return status;
  std::array<Tensor, kTensors> tensors;
  if (Status status = FindTensors(header, &tensors); !status.ok()) return status;
  const uint8_t* data = bytes + data_begin;
  BlockColumns& out = view->columns;
  out.rows = tensors[0].count;
  out.keys = At<int64_t>(data, tensors[0]);
  out.removed_size = tensors[1].count;
  out.removed = At<int64_t>(data, tensors[1]);
  out.admission_size = tensors[2].count;
  out.admission = At<uint64_t>(data, tensors[2]);
  out.dim = tensors[3].width;
  out.values = At<float>(data, tensors[3]);
  out.width = tensors[4].width;
  out.slots = At<float>(data, tensors[4]);
  out.steps = At<uint32_t>(data, tensors[5]);
  out.seen = At<uint32_t>(data, tensors[6]);
  return Status();
}

Status BelongsTo(const BlockView& view, const BlockHead& expected, int dim, const Optimizer& optimizer) {
  const BlockHead& head = view.head;
  if (head.stream != expected.stream) return Differs("stream", head.stream, expected.stream);
  if (head.number != expected.number) {
    return Status::Refused("is block " + std::to_string(head.number) + " of its stream, not " +
                           std::to_string(expected.number));
  }
  if (head.table != expected.table) return Differs("table", head.table, expected.table);
  if (head.layout != expected.layout) return Differs("layout", head.layout, expected.layout);
  const uint64_t width = static_cast<uint64_t>(optimizer.slots()) * dim;
  if (view.columns.dim != static_cast<uint32_t>(dim)) {
    return Status::Refused("values: the rows have " + std::to_string(view.columns.dim) + " values, the table's " +
                           std::to_string(dim));
  }
  if (view.columns.width != width) {
    return Status::Refused("slots: the rows have " + std::to_string(view.columns.width) +
                           " floats of slots, the table's " + std::to_string(width));
  }
  return Status();
}

Status CheckContents(const BlockColumns& c, const Optimizer& optimizer) {
  if (const size_t row = FirstRowNotFinite(c.values, c.rows, c.dim); row != c.rows) {
    return RefusedRow("values", row, c.keys[row], "is not finite");
  }
  if (const size_t row = FirstRowNotFinite(c.slots, c.rows, c.width); row != c.rows) {
    return RefusedRow("slots", row, c.keys[row], "is not finite");
  }
  for (size_t row = 0; row < c.rows; ++row) {
    if (!SlotsArePossible(optimizer, static_cast<int>(c.dim), c.slots + row * c.width)) {
      return RefusedRow("slots", row, c.keys[row], "cannot have come from this optimizer");
    }
  }
  return Status();
}

}  // namespace tandem
