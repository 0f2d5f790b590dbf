// MNIST's IDX files, plain or gzipped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace vit::io {

/// Unsigned bytes `[count, rows, columns]` (images) or `[count]` (labels: rows = columns = 1).
struct IdxArray {
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> data;
};

/// Magic 00 00 08 01 or 00 00 08 03; the size must match the header exactly; gzip is inflated with
/// the header's size as bound. Throws DataError, IoError.
IdxArray read_idx(const std::filesystem::path& path);

}  // namespace vit::io
