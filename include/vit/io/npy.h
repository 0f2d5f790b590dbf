// numpy's .npy and .npz, both ways.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "vit/io/tensor_table.h"

namespace vit::io {

/// One array. Big-endian data is swapped and Fortran order becomes strides.
/// Throws DataError for object types and anything malformed, IoError.
TensorEntry read_npy(const std::filesystem::path& path);

/// All arrays of a zip of `.npy` (stored or deflated), named without the suffix. Throws DataError
/// (a wrong checksum too, unless `check_checksums` is off), IoError.
TensorTable read_npz(const std::filesystem::path& path, bool check_checksums = true);

/// The header of a `.npy` v1.0 for a contiguous little-endian array, padded to 64 bytes.
std::string npy_header(DType dtype, const std::vector<std::int64_t>& shape);

/// Writes by AtomicFile.
void write_npy(const std::filesystem::path& path, DType dtype,
               const std::vector<std::int64_t>& shape, std::span<const std::byte> bytes);

}  // namespace vit::io
