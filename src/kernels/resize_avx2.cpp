// A weight w of 22 bits is split as w = high * 2^11 + low, both 16-bit, so that one instruction
// (pmaddwd) multiplies and adds pairs of taps; both sums are exact, so the bytes are the portable
// form's.
#include "resize_avx2.h"

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "resize_bits.h"

#define VIT_AVX2 __attribute__((target("avx2")))
#define VIT_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace vit::kernels::avx2 {
namespace {

constexpr int kSplit = 11;

/// The axis's weights, each output padded with zeros to `taps` (a multiple of `step`).
struct SplitWeights {
  std::int64_t taps = 0;
  std::vector<std::int16_t> high;
  std::vector<std::int16_t> low;
};

SplitWeights split(const ResizeAxis& axis, std::int64_t step) {
  SplitWeights weights;
  weights.taps = (axis.taps + step - 1) / step * step;
  weights.high.assign(static_cast<std::size_t>(axis.size() * weights.taps), 0);
  weights.low = weights.high;
  for (std::int64_t i = 0; i < axis.size(); ++i)
    for (std::int64_t k = 0; k < axis.taps; ++k) {
      const auto weight = axis.weights[static_cast<std::size_t>(i * axis.taps + k)];
      const auto at = static_cast<std::size_t>(i * weights.taps + k);
      weights.high[at] = static_cast<std::int16_t>(weight >> kSplit);
      weights.low[at] = static_cast<std::int16_t>(weight & ((1 << kSplit) - 1));
    }
  return weights;
}

VIT_AVX2_INLINE __m256i join(__m256i high, __m256i low) {
  const auto sum = _mm256_add_epi32(_mm256_slli_epi32(high, kSplit), low);
  return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(kResizeHalf)), kResizeBits);
}

VIT_AVX2_INLINE __m128i fold(__m256i v) {
  return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

VIT_AVX2_INLINE __m128i join(__m128i high, __m128i low) {
  const auto sum = _mm_add_epi32(_mm_slli_epi32(high, kSplit), low);
  return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kResizeHalf)), kResizeBits);
}

/// Where four taps of `C` channels go for colour_rows.
template <int C>
VIT_AVX2_INLINE __m256i pick_taps() {
  if constexpr (C == 3)
    return _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                            6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  else
    return _mm256_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1,  //
                            8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1);
}

/// Four taps of `C` (3 or 4) channels at a time over `R` rows: lane 0 holds taps 0 and 1 as
/// (r r)(g g)(b b)(a a), lane 1 taps 2 and 3. Reads 16 bytes at every fourth tap.
template <int C, int R>
VIT_AVX2 void colour_rows(const std::uint8_t* const* rows, const ResizeAxis& axis,
                          const SplitWeights& weights, std::uint8_t* const* out) {
  const auto pick_pixels = pick_taps<C>();
  const auto pick_weights = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,  //
                                             4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  for (std::int64_t x = 0; x < axis.size(); ++x) {
    const auto i = static_cast<std::size_t>(x);
    const auto* high = weights.high.data() + x * weights.taps;
    const auto* low = weights.low.data() + x * weights.taps;
    __m256i high_sum[R];
    __m256i low_sum[R];
    for (int r = 0; r < R; ++r) high_sum[r] = low_sum[r] = _mm256_setzero_si256();
    auto at = axis.first[i] * C;
    for (std::int64_t k = 0; k < axis.count[i]; k += 4, at += std::int64_t{4} * C) {
      long long four = 0;
      std::memcpy(&four, high + k, sizeof four);
      const auto w_high = _mm256_shuffle_epi8(_mm256_set1_epi64x(four), pick_weights);
      std::memcpy(&four, low + k, sizeof four);
      const auto w_low = _mm256_shuffle_epi8(_mm256_set1_epi64x(four), pick_weights);
      for (int r = 0; r < R; ++r) {
        const auto bytes = _mm256_broadcastsi128_si256(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[r] + at)));
        const auto pixels = _mm256_shuffle_epi8(bytes, pick_pixels);
        high_sum[r] = _mm256_add_epi32(high_sum[r], _mm256_madd_epi16(pixels, w_high));
        low_sum[r] = _mm256_add_epi32(low_sum[r], _mm256_madd_epi16(pixels, w_low));
      }
    }
    for (int r = 0; r < R; ++r) {
      const auto sum = join(fold(high_sum[r]), fold(low_sum[r]));
      const auto packed = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
      const auto value = static_cast<std::uint32_t>(_mm_cvtsi128_si32(packed));
      std::memcpy(out[r] + x * C, &value, C);
    }
  }
}

/// Sixteen grey taps at a time. Reads 16 bytes at every sixteenth tap.
VIT_AVX2 void grey_row(const std::uint8_t* row, const ResizeAxis& axis, const SplitWeights& weights,
                       std::uint8_t* out) {
  for (std::int64_t x = 0; x < axis.size(); ++x) {
    const auto i = static_cast<std::size_t>(x);
    const auto* high = weights.high.data() + x * weights.taps;
    const auto* low = weights.low.data() + x * weights.taps;
    auto high_sum = _mm256_setzero_si256();
    auto low_sum = _mm256_setzero_si256();
    for (std::int64_t k = 0; k < axis.count[i]; k += 16) {
      const auto pixels = _mm256_cvtepu8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + axis.first[i] + k)));
      const auto w_high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(high + k));
      const auto w_low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(low + k));
      high_sum = _mm256_add_epi32(high_sum, _mm256_madd_epi16(pixels, w_high));
      low_sum = _mm256_add_epi32(low_sum, _mm256_madd_epi16(pixels, w_low));
    }
    auto high_four = fold(high_sum);
    auto low_four = fold(low_sum);
    high_four = _mm_hadd_epi32(high_four, low_four);
    high_four = _mm_hadd_epi32(high_four, high_four);
    // The parts may wrap where the whole does not: add them without a sign.
    const auto sum = (static_cast<std::uint32_t>(_mm_cvtsi128_si32(high_four)) << kSplit) +
                     static_cast<std::uint32_t>(_mm_extract_epi32(high_four, 1)) + kResizeHalf;
    out[x] = resize_clip(static_cast<std::int32_t>(sum));
  }
}

/// How far beyond its last pixel a row may be read by the forms above.
constexpr std::int64_t kOverread = std::int64_t{16} * 3;

/// The forms above on one row (`R` 1) or four.
template <int R>
void rows_of_any(std::int64_t channels, const std::uint8_t* const* rows, const ResizeAxis& axis,
                 const SplitWeights& weights, std::uint8_t* const* out) {
  if (channels == 3) {
    colour_rows<3, R>(rows, axis, weights, out);
  } else if (channels == 4) {
    colour_rows<4, R>(rows, axis, weights, out);
  } else {
    for (int r = 0; r < R; ++r) grey_row(rows[r], axis, weights, out[r]);
  }
}

/// Running sums of 32 columns.
struct Sums {
  __m256i high[4];
  __m256i low[4];
};

VIT_AVX2_INLINE void add_pair(Sums& sums, __m256i a, __m256i b, __m256i w_high, __m256i w_low) {
  const auto zero = _mm256_setzero_si256();
  const auto first = _mm256_unpacklo_epi8(a, b);  // a0 b0 a1 b1 … of each lane
  const auto second = _mm256_unpackhi_epi8(a, b);
  const __m256i pairs[4] = {_mm256_unpacklo_epi8(first, zero), _mm256_unpackhi_epi8(first, zero),
                            _mm256_unpacklo_epi8(second, zero), _mm256_unpackhi_epi8(second, zero)};
  for (int j = 0; j < 4; ++j) {
    sums.high[j] = _mm256_add_epi32(sums.high[j], _mm256_madd_epi16(pairs[j], w_high));
    sums.low[j] = _mm256_add_epi32(sums.low[j], _mm256_madd_epi16(pairs[j], w_low));
  }
}

/// 32 columns of one output row.
VIT_AVX2 void vertical_block(const std::uint8_t* column, std::int64_t stride, std::int64_t count,
                             const std::int32_t* high, const std::int32_t* low, std::uint8_t* out) {
  Sums sums;
  for (int j = 0; j < 4; ++j) sums.high[j] = sums.low[j] = _mm256_setzero_si256();
  for (std::int64_t k = 0; k < count; k += 2, column += 2 * stride) {
    const auto a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column));
    const auto b = k + 1 < count
                       ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column + stride))
                       : _mm256_setzero_si256();
    add_pair(sums, a, b, _mm256_set1_epi32(high[k / 2]), _mm256_set1_epi32(low[k / 2]));
  }
  __m256i words[4];
  for (int j = 0; j < 4; ++j) words[j] = join(sums.high[j], sums.low[j]);
  const auto packed = _mm256_packus_epi16(_mm256_packs_epi32(words[0], words[1]),
                                          _mm256_packs_epi32(words[2], words[3]));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), packed);
}

/// Two 16-bit weights in one word, as pmaddwd takes them.
std::int32_t pair_of(const std::int16_t* weights) {
  std::int32_t pair = 0;
  std::memcpy(&pair, weights, sizeof pair);
  return pair;
}

}  // namespace

void resize_horizontal(Rows in, std::int64_t rows, std::int64_t row_bytes, std::int64_t channels,
                       const ResizeAxis& axis, std::uint8_t* out) {
  const auto weights = split(axis, channels == 1 ? 16 : 4);
  const auto out_bytes = axis.size() * channels;
  // Rows within kOverread of the end of memory are read from a padded copy.
  std::vector<std::uint8_t> copy(static_cast<std::size_t>(row_bytes + kOverread));
  const auto safe = [&](std::int64_t y) { return (rows - 1 - y) * in.stride >= kOverread; };
  std::int64_t y = 0;
  for (; y + 4 <= rows && safe(y + 3); y += 4) {
    const std::uint8_t* from[4];
    std::uint8_t* to[4];
    for (int r = 0; r < 4; ++r) {
      from[r] = in.data + (y + r) * in.stride;
      to[r] = out + (y + r) * out_bytes;
    }
    rows_of_any<4>(channels, from, axis, weights, to);
  }
  for (; y < rows; ++y) {
    const auto* from = in.data + y * in.stride;
    if (!safe(y)) {
      std::memcpy(copy.data(), from, static_cast<std::size_t>(row_bytes));
      from = copy.data();
    }
    auto* to = out + y * out_bytes;
    rows_of_any<1>(channels, &from, axis, weights, &to);
  }
}

void resize_vertical(Rows in, std::int64_t first_row, std::int64_t row_bytes,
                     const ResizeAxis& axis, std::uint8_t* out) {
  constexpr std::int64_t kBlock = 32;
  if (row_bytes < kBlock) {
    portable::resize_vertical(in, first_row, row_bytes, axis, out);
    return;
  }
  const auto weights = split(axis, 2);
  std::vector<std::int32_t> high(static_cast<std::size_t>(weights.taps / 2));
  std::vector<std::int32_t> low(high.size());
  for (std::int64_t y = 0; y < axis.size(); ++y, out += row_bytes) {
    const auto i = static_cast<std::size_t>(y);
    for (std::size_t k = 0; k < high.size(); ++k) {
      const auto at = static_cast<std::size_t>(y * weights.taps) + 2 * k;
      high[k] = pair_of(weights.high.data() + at);
      low[k] = pair_of(weights.low.data() + at);
    }
    const auto* rows = in.data + (axis.first[i] - first_row) * in.stride;
    for (std::int64_t x = 0; x < row_bytes; x += kBlock) {
      // The last block overlaps its neighbour rather than reaching beyond the row.
      const auto at = std::min(x, row_bytes - kBlock);
      vertical_block(rows + at, in.stride, axis.count[i], high.data(), low.data(), out + at);
    }
  }
}

}  // namespace vit::kernels::avx2
