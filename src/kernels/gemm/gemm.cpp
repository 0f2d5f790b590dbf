#include "vit/kernels/gemm.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <vector>

#include "kernels/gemm/levels.h"
#include "kernels/gemm/narrow_rows.h"
#include "kernels/gemm/split_rows.h"
#include "kernels/gemm/strassen.h"
#include "kernels/vector/portable.h"
#include "vit/core/error.h"
#include "vit/kernels/training.h"

namespace vit::kernels {
namespace {

struct GemmLevel {
  GemmShape shape;
  int block;      ///< the most rows of k that are summed at once
  bool strassen;  ///< whether Strassen's products are faster
  void (*gemm)(const GemmCall&);
  decltype(&portable::pack_rows) pack_rows;
  decltype(&portable::pack_rows_transposed) pack_rows_transposed;
  decltype(&portable::pack_weight_transposed) pack_weight_transposed;
};

const GemmLevel& gemm_level(Isa isa) {
  static const GemmLevel portable{{4, 12},
                                  256,
                                  false,
                                  portable::gemm,
                                  portable::pack_rows,
                                  portable::pack_rows_transposed,
                                  portable::pack_weight_transposed};
  static const GemmLevel avx2{{4, 24},
                              256,
                              true,
                              avx2::gemm,
                              avx2::pack_rows,
                              avx2::pack_rows_transposed,
                              avx2::pack_weight_transposed};
  static const GemmLevel avx512{{8, 48},
                                192,
                                true,
                                avx512::gemm,
                                avx512::pack_rows,
                                avx512::pack_rows_transposed,
                                avx512::pack_weight_transposed};
  if (isa >= Isa::kAvx512) return avx512;
  return isa == Isa::kAvx2 ? avx2 : portable;
}

/// Null where the level has no such products.
void (*narrow_gemm(Isa isa, RowFormat format))(const GemmCall&) {
  switch (format) {
    case RowFormat::kUint8:
      return isa >= Isa::kAmx      ? amx::gemm_uint8
             : isa >= Isa::kVnni   ? vnni::gemm_uint8
             : isa >= Isa::kAvx512 ? avx512::gemm_uint8
             : isa == Isa::kAvx2   ? avx2::gemm_uint8
                                   : portable::gemm_uint8;
    case RowFormat::kBf16:
      return isa >= Isa::kAmx ? amx::gemm_bf16 : isa >= Isa::kBf16 ? bf16::gemm_bf16 : nullptr;
    case RowFormat::kBf16Pair:
      return isa >= Isa::kAmx ? amx::gemm_bf16_pair : nullptr;
    case RowFormat::kBf16Triple:
      return isa >= Isa::kAmx ? amx::gemm_bf16_triple : nullptr;
    case RowFormat::kFloat32:
      break;
  }
  return nullptr;
}

int ceil_div(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

/// Blocks of which there is an even number, `most` at most: as near as can be to those that are the
/// fastest, whose panels fit into the first cache level. 0 where there are none.
int strassen_block(std::int64_t k, int most) {
  constexpr int kLeast = 128, kBest = 192;
  int best = 0;
  for (int block = most; block >= kLeast; block -= static_cast<int>(kPadding))
    if (k % (2 * block) == 0 && std::abs(block - kBest) < std::abs(best - kBest)) best = block;
  return best;
}

/// As many blocks as are needed, evenly.
int block_of(Isa isa, std::int64_t k) {
  const auto& level = gemm_level(isa);
  const int even = level.strassen ? strassen_block(k, level.block) : 0;
  if (even > 0) return even;
  const int blocks = ceil_div(k, level.block);
  return static_cast<int>(padded(ceil_div(k, std::max(blocks, 1))));
}

/// Columns in whole lines.
int in_lines(std::int64_t k, RowFormat format) {
  const int values = narrow_values(format);
  return ceil_div(k, values) * values;
}

/// Floats that the values take.
std::int64_t values_size(const PackedRows& rows) {
  const auto values = std::int64_t{rows.tiles} * rows.tile_rows * rows.k;
  if (rows.format == RowFormat::kFloat32) return values;
  return values / narrow_values(rows.format) * narrow_parts(rows.format) * kLineBytes /
         static_cast<std::int64_t>(sizeof(float));
}

/// Bytes of a value.
std::size_t size_of(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBf16:
      return sizeof(std::uint16_t);
    case WeightFormat::kBf16Pair:
      return 2 * sizeof(std::uint16_t);
    case WeightFormat::kBf16Triple:
      return 3 * sizeof(std::uint16_t);
    case WeightFormat::kInt8:
      return sizeof(std::int8_t);
    case WeightFormat::kFloat32:
      break;
  }
  return sizeof(float);
}

std::uint16_t to_bf16(float x) {
  auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  bits += 0x7fffU + ((bits >> 16U) & 1U);
  return static_cast<std::uint16_t>(bits >> 16U);
}

}  // namespace

RowFormat row_format(Isa isa, WeightFormat format) {
  const auto where_there_is = [&](RowFormat narrow) {
    return narrow_gemm(isa, narrow) != nullptr ? narrow : RowFormat::kFloat32;
  };
  switch (format) {
    case WeightFormat::kBf16:
      return where_there_is(RowFormat::kBf16);
    case WeightFormat::kInt8:
      return RowFormat::kUint8;
    case WeightFormat::kBf16Pair:
    case WeightFormat::kBf16Triple: {
      const auto rows =
          format == WeightFormat::kBf16Pair ? RowFormat::kBf16Pair : RowFormat::kBf16Triple;
      if (narrow_gemm(isa, rows) == nullptr)
        throw UsageError("kernels: expected a level with AMX, found {}", isa_name(isa));
      return rows;
    }
    case WeightFormat::kFloat32:
      break;
  }
  return RowFormat::kFloat32;
}

GemmShape gemm_shape(Isa isa, RowFormat format) {
  if (format != RowFormat::kFloat32) return {kNarrowRows, kNarrowColumns};
  return gemm_level(isa).shape;
}

PackedRows packed_rows(Isa isa, float* data, std::int64_t rows, std::int64_t k, RowFormat format) {
  PackedRows packed;
  packed.data = data;
  packed.rows = static_cast<int>(rows);
  packed.tile_rows = gemm_shape(isa, format).rows;
  packed.tiles = ceil_div(rows, packed.tile_rows);
  packed.columns = static_cast<int>(padded(k));
  packed.format = format;
  if (format == RowFormat::kFloat32) {
    packed.k = packed.columns;
    packed.block = block_of(isa, packed.k);
  } else {
    packed.k = in_lines(k, format);
    if (has_scales(format)) packed.scales = reinterpret_cast<RowScale*>(data + values_size(packed));
  }
  return packed;
}

std::int64_t packed_size(Isa isa, std::int64_t rows, std::int64_t k, RowFormat format) {
  const auto packed = packed_rows(isa, nullptr, rows, k, format);
  const auto scales = has_scales(format) ? std::int64_t{packed.tiles} * kNarrowRows * 2 : 0;
  return values_size(packed) + scales;
}

PackedWeight packed_weight(Isa isa, std::int64_t n, std::int64_t k, bool gated,
                           WeightFormat format) {
  PackedWeight weight;
  weight.format = format;
  weight.reads = row_format(isa, format);
  weight.n = static_cast<int>(n);
  const int parts = gated ? 2 : 1;
  weight.panels = parts * ceil_div(padded(n / parts), gemm_shape(isa, weight.reads).columns);
  if (weight.reads == RowFormat::kFloat32) {
    weight.k = static_cast<int>(padded(k));
    weight.block = block_of(isa, weight.k);
  } else {
    weight.k = in_lines(k, weight.reads);
  }
  return weight;
}

PackedWeight strassen_weight(Isa /*isa*/, PackedWeight weight) {
  weight.strassen = weight.format == WeightFormat::kFloat32 && weight.k % (2 * weight.block) == 0;
  if (weight.strassen) weight.panels += weight.panels % 2;
  return weight;
}

bool strassen_pays(Isa isa, const PackedWeight& weight) {
  return gemm_level(isa).strassen && strassen_weight(isa, weight).strassen;
}

std::int64_t packed_size(Isa isa, const PackedWeight& weight) {
  const auto size = std::int64_t{weight.panels} * gemm_shape(isa, weight.reads).columns * weight.k;
  if (weight.strassen) return size / 4 * kStrassenProducts;
  constexpr std::int64_t kFloat = sizeof(float);
  return (size * static_cast<std::int64_t>(size_of(weight.format)) + kFloat - 1) / kFloat;
}

namespace {

/// Values `[first, first + length)` of `columns` rows side by side: out[i · columns + c]. A row
/// that is null is one of zeros.
void put_side_by_side(const float* const* rows, std::int64_t columns, std::int64_t first,
                      std::int64_t length, float* out) {
  using V = portable::Vector;
  constexpr std::int64_t kSide = 4;
  static_assert(V::kRows == kSide && V::kWidth == kSide);
  for (std::int64_t c = 0; c < columns; c += kSide) {
    const float* const* four = rows + c;
    const bool there = std::all_of(four, four + kSide, [](auto* row) { return row != nullptr; });
    std::int64_t i = 0;
    for (; there && i + kSide <= length; i += kSide) {
      V::Reg values[kSide];
      for (int r = 0; r < kSide; ++r) values[r] = V::load(four[r] + first + i);
      float turned[kSide * kSide];
      V::store_columns(values, turned);
      for (int r = 0; r < kSide; ++r)
        V::store(out + (i + r) * columns + c, V::load(turned + r * kSide));
    }
    for (; i < length; ++i)
      for (int r = 0; r < kSide; ++r)
        out[i * columns + c + r] = four[r] != nullptr ? four[r][first + i] : 0.0F;
  }
}

/// The seven sums of each pair of panels and each pair of blocks.
void pack_strassen(Isa isa, const PackedWeight& weight, std::int64_t k, std::int64_t first,
                   std::int64_t count, const float* const* rows, float* data) {
  const std::int64_t columns = gemm_shape(isa).columns, block = weight.block;
  const std::int64_t size = block * columns, pairs = weight.panels / 2;
  std::vector<float> memory(static_cast<std::size_t>(4 * size));  // the parts; zeros beyond k
  const auto part = [&](const StrassenTerm& term) {
    return memory.data() + (2 * term.row + term.column) * size;
  };
  for (auto pair = first / (2 * columns); 2 * pair * columns < first + count; ++pair)
    for (std::int64_t begin = 0; begin < weight.k; begin += 2 * block) {
      for (int row = 0; row < 2; ++row)
        for (int column = 0; column < 2; ++column) {
          float* out = part({row, column, 1});
          const auto from = begin + row * block,
                     length = std::clamp(k - from, std::int64_t{0}, block);
          std::fill(out + length * columns, out + size, 0.0F);
          put_side_by_side(rows + (2 * pair + column) * columns - first, columns, from, length,
                           out);
        }
      for (int q = 0; q < kStrassenProducts; ++q) {
        const auto& [one, other] = kStrassen[q].w;
        float* out = data + ((begin / (2 * block) * kStrassenProducts + q) * pairs + pair) * size;
        const float *a = part(one), *b = part(other);
        if (other.sign == 0) std::copy(a, a + size, out);
        if (other.sign > 0) std::transform(a, a + size, b, out, std::plus<>());
        if (other.sign < 0) std::transform(a, a + size, b, out, std::minus<>());
      }
    }
}

void pack_plain(Isa isa, const PackedWeight& weight, std::int64_t k, std::int64_t first,
                std::int64_t count, const float* const* rows, float* data) {
  const std::int64_t columns = gemm_shape(isa).columns;
  for (auto p = first / columns; p * columns < first + count; ++p)
    for (std::int64_t begin = 0; begin < weight.k; begin += weight.block) {
      const auto length = std::min<std::int64_t>(weight.block, weight.k - begin);
      const auto there = std::clamp(k - begin, std::int64_t{0}, length);
      float* out = data + (begin * weight.panels + p * length) * columns;
      std::fill(out + there * columns, out + length * columns, 0.0F);
      put_side_by_side(rows + p * columns - first, columns, begin, there, out);
    }
}

std::int8_t to_int8(float x, float scale) {
  // In this order min and max make 127 of NaN, which a conversion does not take.
  return static_cast<std::int8_t>(std::max(-127.0F, std::min(127.0F, std::nearbyint(x / scale))));
}

/// A column of a panel: of each line its groups of bytes, a half panel's row apart.
void pack_int8(const PackedWeight& weight, std::int64_t k, std::int64_t first, std::int64_t count,
               const float* const* rows, std::byte* data) {
  constexpr std::int64_t kHalf = kNarrowColumns / 2, kGroups = 16, kGroup = kGroupBytes,
                         kValues = kGroups * kGroup;
  const std::int64_t lines = weight.k / kValues;
  for (auto n = first; n < first + count; ++n) {
    const float* row = rows[n - first];
    const auto panel = n / kNarrowColumns, column = n % kNarrowColumns;
    int sum = 0;
    for (std::int64_t line = 0; line < lines; ++line) {
      std::int8_t numbers[kLineBytes] = {};  // zeros beyond k
      const auto there =
          row != nullptr ? std::clamp(k - line * kValues, std::int64_t{0}, kValues) : 0;
      for (std::int64_t i = 0; i < there; ++i) {
        numbers[i] = to_int8(row[line * kValues + i], weight.scale[n]);
        sum += numbers[i];
      }
      auto* out = data + ((panel * lines + line) * 2 + column / kHalf) * kHalf * kValues +
                  column % kHalf * kGroup;
      for (std::int64_t g = 0; g < kGroups; ++g)
        std::memcpy(out + g * kHalf * kGroup, numbers + g * kGroup, kGroup);
    }
    weight.row_sum[n] = static_cast<float>(sum);
  }
}

}  // namespace

void pack_weight(Isa isa, const PackedWeight& weight, std::int64_t k, std::int64_t first,
                 std::int64_t count, const float* const* rows, void* data) {
  const int columns = gemm_shape(isa, weight.reads).columns;
  std::vector<const float*> all;  // of whole panels
  if (const auto together = weight.strassen ? 2 * columns : columns; count % together != 0) {
    all.assign(rows, rows + count);
    all.resize(static_cast<std::size_t>(std::int64_t{ceil_div(count, together)} * together));
    rows = all.data();
    count = static_cast<std::int64_t>(all.size());
  }
  if (is_bf16(weight.reads)) return bf16::pack_weight(weight, k, first, count, rows, data);
  if (weight.reads != RowFormat::kFloat32)
    return pack_int8(weight, k, first, count, rows, static_cast<std::byte*>(data));
  if (weight.strassen)
    return pack_strassen(isa, weight, k, first, count, rows, static_cast<float*>(data));
  const auto pack_as = [&]<class T>(T* values, const auto& narrow) {
    for (std::int64_t p = first / columns; p * columns < first + count; ++p)
      for (std::int64_t begin = 0; begin < weight.k; begin += weight.block) {
        const auto length = std::min<std::int64_t>(weight.block, weight.k - begin);
        T* out = values + (begin * weight.panels + p * length) * columns;
        for (int c = 0; c < columns; ++c) {
          const auto n = p * columns + c - first;
          const float* row = n < count ? rows[n] : nullptr;
          for (std::int64_t i = 0; i < length; ++i)
            out[i * columns + c] = row != nullptr && begin + i < k ? narrow(row[begin + i]) : T{};
        }
      }
  };
  switch (weight.format) {
    case WeightFormat::kFloat32:
      return pack_plain(isa, weight, k, first, count, rows, static_cast<float*>(data));
    case WeightFormat::kBf16:
      return pack_as(static_cast<std::uint16_t*>(data), [](float x) { return to_bf16(x); });
    case WeightFormat::kInt8:
    case WeightFormat::kBf16Pair:
    case WeightFormat::kBf16Triple:
      break;  // have no product that reads float32
  }
}

void pack_rows(Isa isa, const float* x, std::int64_t ld, const PackedRows& out, int tile_begin,
               int tile_end) {
  if (is_bf16(out.format) && isa >= Isa::kBf16)
    return bf16::pack_rows(x, ld, out, tile_begin, tile_end);
  gemm_level(isa).pack_rows(x, ld, out, tile_begin, tile_end);
}

void pack_rows_transposed(Isa isa, const float* x, std::int64_t ld, std::int64_t k,
                          const PackedRows& out) {
  if (out.format == RowFormat::kFloat32)
    gemm_level(isa).pack_rows_transposed(x, ld, k, out);
  else
    bf16::pack_rows_transposed(x, ld, k, out);
}

void pack_rows_both_ways(Isa isa, const float* x, std::int64_t ld, const PackedRows& rows,
                         const PackedRows& transposed, float* sums) {
  if (rows.format == RowFormat::kBf16)
    return bf16::pack_rows_both_ways(x, ld, rows, transposed, sums);
  pack_rows(isa, x, ld, rows, 0, rows.tiles);
  pack_rows_transposed(isa, x, ld, rows.rows, transposed);
  add_column_sums(isa, x, ld, rows.rows, transposed.rows, sums);
}

void pack_weight_transposed(Isa isa, const PackedWeight& weight, const float* x, std::int64_t ld,
                            std::int64_t k, int panel_begin, int panel_end, void* data) {
  if (weight.reads == RowFormat::kFloat32)
    gemm_level(isa).pack_weight_transposed(weight, x, ld, k, panel_begin, panel_end, data);
  else
    bf16::pack_weight_transposed(weight, x, ld, k, panel_begin, panel_end, data);
}

void unpack_row(const PackedRows& rows, int row, float* out) {
  if (is_bf16(rows.format)) {
    const int parts = narrow_parts(rows.format), values = narrow_values(rows.format);
    for (int k = 0; k < rows.k; k += values, out += values) {
      std::fill_n(out, values, 0.0F);
      const auto* line = narrow_at(rows, row, k);
      for (int part = parts; part-- > 0;) {  // the least first: without loss
        std::uint16_t bits[kLineBytes / 2];
        std::memcpy(bits, line + part * kNarrowRows * kLineBytes, sizeof bits);
        for (int i = 0; i < values; ++i)
          out[i] += std::bit_cast<float>(std::uint32_t{bits[i]} << 16U);
      }
    }
    return;
  }
  const int tile = row / rows.tile_rows;
  for (int k = 0; k < rows.k; ++k) {
    const int block = k / rows.block * rows.block, length = std::min(rows.block, rows.k - block);
    const auto column = std::int64_t{block} * rows.tiles + std::int64_t{tile} * length + k - block;
    out[k] = rows.data[column * rows.tile_rows + row % rows.tile_rows];
  }
}

bool splits_rows(Isa isa, RowFormat format) {
  return format == RowFormat::kUint8 && isa < Isa::kVnni;
}

std::int64_t gemm_scratch(Isa isa, const PackedWeight& weight) {
  const auto& level = gemm_level(isa);
  const std::int64_t chunk = std::int64_t{kTileChunk} * level.shape.rows;
  // Sums, and a panel that is widened.
  const auto classic = chunk * kChunkColumns + std::int64_t{weight.block} * level.shape.columns;
  // Sums, and those of half the rows with two tiles without a partner.
  const auto strassen = chunk * kStrassenColumns +
                        (std::int64_t{kTileChunk} / 2 + 2) * level.shape.rows * weight.block;
  if (weight.reads == RowFormat::kFloat32) return std::max(classic, strassen);
  // Sums of panels; where rows are split, also lines of a panel, and the rows.
  constexpr std::int64_t kSums = kNarrowChunk * kNarrowRows * kNarrowColumns;
  if (!splits_rows(isa, weight.reads)) return kNarrowGroup * kSums;
  const auto lines = std::size_t{kNarrowLines} * kLineBytes * kNarrowColumns;
  return kSplitPanels * kSums +
         static_cast<std::int64_t>((lines + SplitSize::of(weight.k).all) / sizeof(float));
}

void gemm(Isa isa, const GemmCall& call) {
  if (call.weight.reads != RowFormat::kFloat32)
    narrow_gemm(isa, call.weight.reads)(call);
  else
    gemm_level(isa).gemm(call);
}

double measure_peak(Isa isa, WeightFormat format) {
  GemmCall call;
  call.weight = packed_weight(isa, 1, 1, false, format);
  const auto reads = call.weight.reads;
  const auto [tile_rows, columns] = gemm_shape(isa, reads);
  const bool narrow = reads != RowFormat::kFloat32;
  // Enough work that what a call does besides counts for little; whole panels.
  const std::int64_t rows = 16 * tile_rows,
                     depth = narrow ? kNarrowLines * narrow_values(reads) : gemm_level(isa).block,
                     panels = splits_rows(isa, reads) ? 8 : 1,
                     n = std::lcm(panels * columns, kPadding);
  constexpr int kRounds = 20;
  constexpr std::size_t kLine = kLineBytes / sizeof(float);
  const auto zeros = [](std::int64_t count) {
    return std::vector<float>(static_cast<std::size_t>(count) + kLine);
  };
  const auto aligned = [](std::vector<float>& memory) {
    const auto before = reinterpret_cast<std::uintptr_t>(memory.data()) / sizeof(float) % kLine;
    return memory.data() + (kLine - before) % kLine;
  };
  auto a = zeros(packed_size(isa, rows, depth, reads)),
       scratch = zeros(gemm_scratch(isa, packed_weight(isa, n, depth, false, format)));
  auto out = zeros((rows + tile_rows) * padded(n)), scale = zeros(padded(n));
  call.a = packed_rows(isa, aligned(a), rows, depth, reads);
  call.weight = packed_weight(isa, n, depth, false, format);
  auto weight = zeros(packed_size(isa, call.weight));
  call.weight.data = aligned(weight);
  call.weight.scale = call.weight.row_sum = scale.data();
  call.panel_end = call.weight.panels;
  call.epilogue.rows = aligned(out);
  call.epilogue.ld = padded(n);
  call.scratch = aligned(scratch);
  const double flops =
      2.0 * static_cast<double>(rows) * static_cast<double>(depth) * static_cast<double>(n);
  const int calls = static_cast<int>(1e8 / flops) + 1;  // a millisecond and more
  double best = 0.0;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) gemm(isa, call);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, flops * calls / seconds.count());
  }
  return best;
}

}  // namespace vit::kernels
