// What every weights file becomes: a table of names, types, shapes and bytes, all checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vit/io/byte_range.h"

namespace vit::io {

enum class DType { kBool, kU8, kI8, kI16, kI32, kI64, kF16, kBF16, kF32, kF64 };

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// safetensors' name: `F32`, `BF16`, `I64`, `BOOL`, ….
std::string_view name_of(DType dtype);
bool is_floating_point(DType dtype);
/// The type of a safetensors name; nothing where it is not one of ours.
std::optional<DType> dtype_from_name(std::string_view name);

/// One tensor. Everything in it was checked against the file when the table was made: `data` has
/// every element that shape and strides reach, from the first one on.
struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements; empty: contiguous, row-major
  ByteRange data;

  std::int64_t numel() const;
};

/// The entry's elements in memory, row-major. Throws IoError where the file no longer has them.
std::vector<std::byte> read_contiguous(const TensorEntry& entry);

/// Tensors in the file's own order, found by name.
class TensorTable {
 public:
  TensorTable() = default;
  explicit TensorTable(std::string source) : source_(std::move(source)) {}

  /// Throws DataError when the name is there already.
  void add(TensorEntry entry);
  /// Null where there is none.
  const TensorEntry* find(std::string_view name) const;
  const std::vector<TensorEntry>& entries() const& { return entries_; }
  std::vector<TensorEntry> entries() && { return std::move(entries_); }
  /// The file, as errors name it.
  const std::string& source() const { return source_; }

 private:
  std::string source_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace vit::io
