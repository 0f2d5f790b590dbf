// One .npy in memory: a file's, or an entry's of an .npz.
#pragma once

#include <string>

#include "bytes.h"
#include "vit/io/tensor_table.h"

namespace vit::io {

/// What the header says, checked to be countable, and where the data starts.
struct NpyHeader {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  bool fortran_order = false;
  bool big_endian = false;
  std::size_t data_offset = 0;
  std::uint64_t data_bytes = 0;
};

/// Of the first bytes of an array; at most 64 KiB of them are looked at. Throws DataError.
NpyHeader parse_npy_header(Bytes bytes, const std::string& where);

/// The most bytes that are looked at for an array's header.
inline constexpr std::size_t kMaxNpyHeader = (1U << 16) + 12;

/// The array that `bytes` are. Throws DataError where they are not exactly what the header says.
TensorEntry parse_npy(const ByteRange& bytes, const std::string& where);

}  // namespace vit::io
