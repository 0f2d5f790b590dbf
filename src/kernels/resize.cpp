#include "vit/kernels/resize.h"

#include "resize_avx2.h"
#include "resize_bits.h"
#include "vit/core/isa.h"

namespace vit::kernels {
namespace portable {
namespace {

template <std::int64_t C>
void horizontal(Rows in, std::int64_t rows, const ResizeAxis& axis, std::uint8_t* out) {
  for (std::int64_t y = 0; y < rows; ++y) {
    const auto* row = in.data + y * in.stride;
    for (std::int64_t x = 0; x < axis.size(); ++x, out += C) {
      const auto i = static_cast<std::size_t>(x);
      const auto* pixel = row + axis.first[i] * C;
      const auto* weight = axis.weights.data() + x * axis.taps;
      std::int32_t sum[C];
      for (auto& s : sum) s = kResizeHalf;
      for (std::int64_t k = 0; k < axis.count[i]; ++k, pixel += C)
        for (std::int64_t c = 0; c < C; ++c) sum[c] += pixel[c] * weight[k];
      for (std::int64_t c = 0; c < C; ++c) out[c] = resize_clip(sum[c]);
    }
  }
}

}  // namespace

void resize_horizontal(Rows in, std::int64_t rows, std::int64_t /*row_bytes*/,
                       std::int64_t channels, const ResizeAxis& axis, std::uint8_t* out) {
  if (channels == 1)
    horizontal<1>(in, rows, axis, out);
  else if (channels == 3)
    horizontal<3>(in, rows, axis, out);
  else
    horizontal<4>(in, rows, axis, out);
}

void resize_vertical(Rows in, std::int64_t first_row, std::int64_t row_bytes,
                     const ResizeAxis& axis, std::uint8_t* out) {
  std::vector<std::int32_t> sums(static_cast<std::size_t>(row_bytes));
  for (std::int64_t y = 0; y < axis.size(); ++y, out += row_bytes) {
    const auto i = static_cast<std::size_t>(y);
    std::fill(sums.begin(), sums.end(), kResizeHalf);
    for (std::int64_t k = 0; k < axis.count[i]; ++k) {
      const auto* row = in.data + (axis.first[i] - first_row + k) * in.stride;
      const auto weight = axis.weights[static_cast<std::size_t>(y * axis.taps + k)];
      for (std::int64_t b = 0; b < row_bytes; ++b)
        sums[static_cast<std::size_t>(b)] += row[b] * weight;
    }
    for (std::int64_t b = 0; b < row_bytes; ++b)
      out[b] = resize_clip(sums[static_cast<std::size_t>(b)]);
  }
}

}  // namespace portable

void resize_horizontal(Rows in, std::int64_t rows, std::int64_t row_bytes, std::int64_t channels,
                       const ResizeAxis& axis, std::uint8_t* out) {
  if (detect_isa() >= Isa::kAvx2)
    avx2::resize_horizontal(in, rows, row_bytes, channels, axis, out);
  else
    portable::resize_horizontal(in, rows, row_bytes, channels, axis, out);
}

void resize_vertical(Rows in, std::int64_t first_row, std::int64_t row_bytes,
                     const ResizeAxis& axis, std::uint8_t* out) {
  if (detect_isa() >= Isa::kAvx2)
    avx2::resize_vertical(in, first_row, row_bytes, axis, out);
  else
    portable::resize_vertical(in, first_row, row_bytes, axis, out);
}

}  // namespace vit::kernels
