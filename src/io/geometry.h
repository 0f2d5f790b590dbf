// Sizes of tensors computed from numbers that a file gave: every step checked for overflow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vit/io/tensor_table.h"

namespace vit::io {

inline constexpr std::size_t kMaxRank = 16;

/// Bytes of a contiguous tensor; nothing where a dimension is negative, the rank is above kMaxRank
/// or a product overflows 63 bits.
std::optional<std::uint64_t> contiguous_bytes(DType dtype, const std::vector<std::int64_t>& shape);

/// Elements from the first one to behind the last one that shape and strides reach; nothing where a
/// number is negative or overflows.
std::optional<std::uint64_t> reached_elements(const std::vector<std::int64_t>& shape,
                                              const std::vector<std::int64_t>& strides);

/// Row-major strides of a shape whose size was checked.
std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape);

/// True where the strides that matter (of dimensions above 1) are the row-major ones.
bool is_contiguous(const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides);

}  // namespace vit::io
