// Where rows of fewer than 32 bits stand, and how floats become them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/vector/inline.h"
#include "kernels/vector/several.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

inline constexpr int kNarrowRows = 16;     ///< of a tile
inline constexpr int kNarrowColumns = 32;  ///< of a panel
inline constexpr int kLineBytes = 64;
inline constexpr int kGroupBytes = 4;  ///< of a line, that are multiplied together

/// Values of a line.
VIT_INLINE constexpr int narrow_values(RowFormat format) {
  return format == RowFormat::kUint8 ? 64 : 32;
}
VIT_INLINE constexpr int narrow_parts(RowFormat format) {
  return format == RowFormat::kBf16Triple ? 3 : format == RowFormat::kBf16Pair ? 2 : 1;
}

/// Where a row's first line stands.
VIT_INLINE std::byte* narrow_row(const PackedRows& rows, int row) {
  const int lines = rows.format == RowFormat::kUint8 ? rows.k / 64 : rows.k / 32;
  const int tile_bytes = lines * narrow_parts(rows.format) * kNarrowRows * kLineBytes;
  return reinterpret_cast<std::byte*>(rows.data) +
         static_cast<std::size_t>(row / kNarrowRows) * static_cast<std::size_t>(tile_bytes) +
         row % kNarrowRows * kLineBytes;
}

/// Where a row's value k (of the first part) stands; values of a line stand side by side.
VIT_INLINE std::byte* narrow_at(const PackedRows& rows, int row, int k) {
  constexpr int kTileLine = kNarrowRows * kLineBytes;
  auto* const to = narrow_row(rows, row);
  if (rows.format == RowFormat::kUint8) return to + k / 64 * kTileLine + k % 64;
  return to + k / 32 * (narrow_parts(rows.format) * kTileLine) + k % 32 * 2;
}

/// Calls f.operator()<F>() for the narrow format F; `format` is not kFloat32.
template <class F>
VIT_INLINE void with_narrow_format(RowFormat format, const F& f) {
  switch (format) {
    case RowFormat::kBf16:
      return f.template operator()<RowFormat::kBf16>();
    case RowFormat::kBf16Pair:
      return f.template operator()<RowFormat::kBf16Pair>();
    case RowFormat::kBf16Triple:
      return f.template operator()<RowFormat::kBf16Triple>();
    case RowFormat::kUint8:
      return f.template operator()<RowFormat::kUint8>();
    case RowFormat::kFloat32:
      __builtin_unreachable();
  }
}

/// Calls put(to, k) for each vector of a row, which begins at column k and stands at `to`.
template <class V, RowFormat F, class Put>
VIT_INLINE void for_vectors_of_row(const PackedRows& rows, int row, const Put& put) {
  constexpr int kValues = narrow_values(F), kBytes = kLineBytes / kValues;
  auto* to = narrow_row(rows, row);
  for (int k = 0; k < rows.k; k += kValues, to += narrow_parts(F) * kNarrowRows * kLineBytes) {
    VIT_UNROLL
    for (int i = 0; i < kValues; i += V::kWidth) put(to + i * kBytes, k + i);
  }
}

/// Writes values of rows that need not be whole: of bfloat16, or of a fixed scale.
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
  VIT_INLINE void put(std::byte* to, Reg x) const { put<1>(to, {{x}}); }

  /// The same of N rows of a tile, one after the other.
  template <int N>
  VIT_INLINE void put(std::byte* to, const typename Several<V, N>::Reg& x) const {
    with_narrow_format(format, [&]<RowFormat F>() { put_as<F, N>(to, x); });
  }

  /// The same where the format is known to be F.
  template <RowFormat F, int N>
  VIT_INLINE void put_as(std::byte* to, typename Several<V, N>::Reg x) const {
    using Rows = Several<V, N>;
    if constexpr (has_scales(F)) {
      x = Rows::mul(Rows::sub(x, Rows::all(offset)), Rows::all(factor));
      x = Rows::min(Rows::max(x, Rows::zero()), Rows::set1(255.0F));
      for (int i = 0; i < N; ++i)
        V::store_uint8(reinterpret_cast<std::uint8_t*>(to + i * kLineBytes), x.of[i]);
    } else {
      VIT_UNROLL
      for (int part = narrow_parts(F); part > 1; --part, to += kNarrowRows * kLineBytes)
        x = Rows::each([&](int i) {
          const auto near = V::to_bf16(x.of[i]);
          V::store_bf16(numbers(to, i), near);
          return V::sub(x.of[i], near);
        });
      for (int i = 0; i < N; ++i) V::store_near_bf16(numbers(to, i), x.of[i]);
    }
  }

  /// `count` values of a row, from its column k on, a multiple of `count`; `value(c)`: the vector
  /// of them from c on.
  template <class Value>
  VIT_INLINE void put_values(const PackedRows& rows, int row, int k, int count,
                             const Value& value) const {
    const bool whole = count % V::kWidth == 0;  // and so no vector goes beyond its line
    for (int c = 0; c < count; c += V::kWidth) {
      if (whole) {
        put(narrow_at(rows, row, k + c), value(c));
      } else {
        const int left = count - c;
        put_some(rows, row, k + c, value(c), left < V::kWidth ? left : V::kWidth);
      }
    }
  }

  /// The first `count` values of x, from a row's column k on, wherever its lines end.
  VIT_INLINE void put_some(const PackedRows& rows, int row, int k, Reg x, int count) const {
    constexpr int kPart = kNarrowRows * kLineBytes;
    alignas(64) std::byte parts[3 * kPart];
    put(parts, x);
    const int values = narrow_values(format);
    const auto size = static_cast<std::size_t>(kLineBytes / values);
    for (int done = 0; done < count;) {
      const int in_line = values - (k + done) % values;
      const int some = count - done < in_line ? count - done : in_line;
      auto* const to = narrow_at(rows, row, k + done);
      for (int part = 0; part < narrow_parts(format); ++part)
        __builtin_memcpy(to + part * kPart,
                         parts + part * kPart + static_cast<std::size_t>(done) * size,
                         static_cast<std::size_t>(some) * size);
      done += some;
    }
  }

 private:
  static VIT_INLINE std::uint16_t* numbers(std::byte* to, int row) {
    return reinterpret_cast<std::uint16_t*>(to + row * kLineBytes);
  }
};

/// Writes a row of whole numbers with a scale of its own. `value(k)`: its vector of values from k
/// on, zero beyond `columns`; asked for twice.
template <class V, class Value>
VIT_INLINE void put_uint8_row(const PackedRows& rows, int row, int columns, const Value& value) {
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
  // Also where finite values are further apart than float32's largest.
  const float bad = V::sum(odd) + spread * 0.0F;
  rows.scales[row].scale = (spread > 0.0F ? spread / 255.0F : 1.0F) + bad;
  rows.scales[row].offset = low + bad;
  const auto offset = V::set1(low), factor = V::set1(spread > 0.0F ? 255.0F / spread : 0.0F);
  for_vectors_of_row<V, RowFormat::kUint8>(rows, row, [&](std::byte* to, int k) {
    V::store_uint8(reinterpret_cast<std::uint8_t*>(to),
                   k < end ? V::mul(V::sub(value(k), offset), factor) : V::zero());
  });
}

/// Writes a row of any narrow format.
template <class V, class Value>
VIT_INLINE void put_narrow_row(const PackedRows& rows, int row, int columns, const Value& value) {
  with_narrow_format(rows.format, [&]<RowFormat F>() {
    if constexpr (has_scales(F))
      if (rows.fixed.scale == 0.0F) return put_uint8_row<V>(rows, row, columns, value);
    const NarrowWriter<V> writer(rows);
    for_vectors_of_row<V, F>(rows, row, [&](std::byte* to, int k) {
      writer.template put_as<F, 1>(to, {{k < columns ? value(k) : V::zero()}});
    });
  });
}

}  // namespace vit::kernels
