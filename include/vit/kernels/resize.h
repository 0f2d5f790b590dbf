// Pillow's 8-bit resampling on plain memory, one axis at a time.
//
// Source: Pillow 13, `src/libImaging/Resample.c`. Weights are normalised in double and kept in
// fixed point with 22 bits; a sum is rounded half up and clipped to 8 bits after each axis.
#pragma once

#include <cstdint>
#include <vector>

namespace vit::kernels {

enum class ResizeFilter { kNearest, kBox, kBilinear, kHamming, kBicubic, kLanczos };

/// Which inputs make which output along one axis, for outputs `begin` … `begin + size() - 1` of a
/// resize from `in` to `out`.
struct ResizeAxis {
  std::int64_t taps = 0;              ///< room for each output's weights
  std::vector<std::int64_t> first;    ///< the first input that an output looks at
  std::vector<std::int64_t> count;    ///< how many inputs it looks at, at most `taps`
  std::vector<std::int32_t> weights;  ///< `[size(), taps]`, 1.0 = 2^22; 0 beyond `count`

  std::int64_t size() const { return static_cast<std::int64_t>(first.size()); }
  /// The range of inputs that is looked at: `[input_begin, input_end)`.
  std::int64_t input_begin() const;
  std::int64_t input_end() const;
};

/// Weights of outputs `[begin, end)`; `filter` is not kNearest. 0 < in, 0 <= begin < end <= out.
ResizeAxis make_resize_axis(std::int64_t in, std::int64_t out, ResizeFilter filter,
                            std::int64_t begin, std::int64_t end);

/// The input of each output `[begin, end)` under kNearest, −1 where Pillow finds none.
std::vector<std::int64_t> nearest_inputs(std::int64_t in, std::int64_t out, std::int64_t begin,
                                         std::int64_t end);

/// A stack of rows: `data[y * stride + i]`.
struct Rows {
  const std::uint8_t* data = nullptr;
  std::int64_t stride = 0;
};

/// `[rows, in, channels]` to contiguous `[rows, axis.size(), channels]`, channels 1, 3 or 4.
/// `row_bytes` of every row may be read.
void resize_horizontal(Rows in, std::int64_t rows, std::int64_t row_bytes, std::int64_t channels,
                       const ResizeAxis& axis, std::uint8_t* out);

/// `[in, row_bytes]` to contiguous `[axis.size(), row_bytes]`. Row 0 of `in` is input
/// `first_row` of the axis.
void resize_vertical(Rows in, std::int64_t first_row, std::int64_t row_bytes,
                     const ResizeAxis& axis, std::uint8_t* out);

/// The same by plain C++, whatever the processor: what the faster forms are tested against.
namespace portable {
void resize_horizontal(Rows in, std::int64_t rows, std::int64_t row_bytes, std::int64_t channels,
                       const ResizeAxis& axis, std::uint8_t* out);
void resize_vertical(Rows in, std::int64_t first_row, std::int64_t row_bytes,
                     const ResizeAxis& axis, std::uint8_t* out);
}  // namespace portable

}  // namespace vit::kernels
