#include "geometry.h"

#include <algorithm>

namespace vit::io {

std::optional<std::uint64_t> contiguous_bytes(DType dtype, const std::vector<std::int64_t>& shape) {
  if (shape.size() > kMaxRank) return std::nullopt;
  auto total = static_cast<std::int64_t>(size_of(dtype));
  bool empty = false;
  for (const auto size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(total, size, &total)) {
      // Also where another dimension is 0: strides of such a tensor overflow later.
      return std::nullopt;
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(total);
}

std::optional<std::uint64_t> reached_elements(const std::vector<std::int64_t>& shape,
                                              const std::vector<std::int64_t>& strides) {
  if (shape.size() != strides.size()) return std::nullopt;
  std::int64_t last = 0;
  bool empty = false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0 || strides[i] < 0) return std::nullopt;
    empty = empty || shape[i] == 0;
    std::int64_t span = 0;
    if (shape[i] > 0 && (__builtin_mul_overflow(shape[i] - 1, strides[i], &span) ||
                         __builtin_add_overflow(last, span, &last)))
      return std::nullopt;
  }
  if (empty) return 0;
  return static_cast<std::uint64_t>(last) + 1;
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i > 1; --i)
    strides[i - 2] = strides[i - 1] * std::max<std::int64_t>(shape[i - 1], 1);
  return strides;
}

bool is_contiguous(const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides) {
  const auto expected = contiguous_strides(shape);
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] > 1 && strides[i] != expected[i]) return false;
  return true;
}

}  // namespace vit::io
