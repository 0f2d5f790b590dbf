// Where rows of fewer than 32 bits stand, and how floats become them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/vector/inline.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

inline constexpr int kNarrowRows = 16;     ///< of a tile
inline constexpr int kNarrowColumns = 32;  ///< of a panel
inline constexpr int kLineBytes = 64;

/// Values of a line.
VIT_INLINE constexpr int narrow_values(RowFormat format) {
  return format == RowFormat::kUint8 ? 64 : 32;
}
VIT_INLINE constexpr int narrow_parts(RowFormat format) {
  return format == RowFormat::kBf16Pair ? 2 : 1;
}

/// Where a row's first line stands.
VIT_INLINE std::byte* narrow_row(const PackedRows& rows, int row) {
  const int lines = rows.format == RowFormat::kUint8 ? rows.k / 64 : rows.k / 32;
  const int tile_bytes = lines * narrow_parts(rows.format) * kNarrowRows * kLineBytes;
  return reinterpret_cast<std::byte*>(rows.data) +
         static_cast<std::size_t>(row / kNarrowRows) * static_cast<std::size_t>(tile_bytes) +
         row % kNarrowRows * kLineBytes;
}

/// The value k (of the first part) of the row that begins there; values of a line stand side by
/// side.
VIT_INLINE std::byte* narrow_in_row(std::byte* row, RowFormat format, int k) {
  constexpr int kTileLine = kNarrowRows * kLineBytes;
  if (format == RowFormat::kUint8) return row + k / 64 * kTileLine + k % 64;
  return row + k / 32 * (narrow_parts(format) * kTileLine) + k % 32 * 2;
}

VIT_INLINE std::byte* narrow_at(const PackedRows& rows, int row, int k) {
  return narrow_in_row(narrow_row(rows, row), rows.format, k);
}

/// Whole numbers from 0 to 255, of kUint8 or kWideUint8.
template <class V>
VIT_INLINE void store_whole(std::byte* to, RowFormat format, typename V::Reg x) {
  if (format == RowFormat::kUint8)
    V::store_uint8(reinterpret_cast<std::uint8_t*>(to), x);
  else
    V::store_wide_uint8(reinterpret_cast<std::uint16_t*>(to), x);
}

/// Writes values of rows that need not be whole: of kBf16, kBf16Pair, or of a fixed scale.
template <class V>
struct NarrowWriter {
  using Reg = typename V::Reg;

  RowFormat format;
  Reg offset, factor;

  explicit VIT_INLINE NarrowWriter(const PackedRows& rows)
      : format(rows.format),
        offset(V::set1(rows.fixed.offset)),
        factor(V::set1(has_scales(format) ? 1.0F / rows.fixed.scale : 0.0F)) {}

  /// From a multiple of the vector's width on.
  VIT_INLINE void put(std::byte* to, Reg x) const {
    if (has_scales(format)) {
      const Reg number = V::mul(V::sub(x, offset), factor);
      return store_whole<V>(to, format, V::min(V::max(number, V::zero()), V::set1(255.0F)));
    }
    const auto near = V::to_bf16(x);
    V::store_bf16(reinterpret_cast<std::uint16_t*>(to), near);
    if (format == RowFormat::kBf16Pair)
      V::store_bf16(reinterpret_cast<std::uint16_t*>(to + kNarrowRows * kLineBytes),
                    V::to_bf16(V::sub(x, near)));
  }

  VIT_INLINE void put_one(std::byte* to, float x) const {
    // As a vector's first value, with room for the others.
    alignas(64) std::byte line[2 * kNarrowRows * kLineBytes];
    put(line, V::set1(x));
    __builtin_memcpy(to, line, format == RowFormat::kUint8 ? 1 : 2);
    if (format == RowFormat::kBf16Pair)
      __builtin_memcpy(to + kNarrowRows * kLineBytes, line + kNarrowRows * kLineBytes, 2);
  }
};

/// Writes a row of whole numbers with a scale of its own. `value(k)`: its vector of values from k
/// on, zero beyond `columns`; asked for twice.
template <class V, class F>
VIT_INLINE void put_uint8_row(const PackedRows& rows, int row, int columns, const F& value) {
  // The zeros up to whole paddings count as values, so that the numbers depend on no vector's
  // width.
  const int end = static_cast<int>((columns + kPadding - 1) / kPadding * kPadding);
  auto least = value(0), most = least, odd = V::zero();
  for (int k = 0; k < end; k += V::kWidth) {
    const auto x = value(k);
    least = V::min(least, x);
    most = V::max(most, x);
    odd = V::add(odd, V::mul(x, V::zero()));  // not a number, if one of them is none or infinite
  }
  const float low = -V::maximum(V::sub(V::zero(), least)), spread = V::maximum(most) - low;
  const float bad = V::sum(odd);
  rows.scales[row].scale = (spread > 0.0F ? spread / 255.0F : 1.0F) + bad;
  rows.scales[row].offset = low + bad;
  auto* const to = narrow_row(rows, row);
  const auto offset = V::set1(low), factor = V::set1(spread > 0.0F ? 255.0F / spread : 0.0F);
  for (int k = 0; k < rows.k; k += V::kWidth) {
    const auto number = k < end ? V::mul(V::sub(value(k), offset), factor) : V::zero();
    store_whole<V>(narrow_in_row(to, rows.format, k), rows.format, number);
  }
}

/// Writes a row of any narrow format.
template <class V, class F>
VIT_INLINE void put_narrow_row(const PackedRows& rows, int row, int columns, const F& value) {
  if (has_scales(rows.format) && rows.fixed.scale == 0.0F)
    return put_uint8_row<V>(rows, row, columns, value);
  const NarrowWriter<V> writer(rows);
  auto* const to = narrow_row(rows, row);
  for (int k = 0; k < rows.k; k += V::kWidth)
    writer.put(narrow_in_row(to, rows.format, k), k < columns ? value(k) : V::zero());
}

}  // namespace vit::kernels
