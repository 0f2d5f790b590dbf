#include "vit/kernels/gemm.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <vector>

#include "kernels/gemm/levels.h"
#include "kernels/gemm/strassen.h"
#include "kernels/vector/portable.h"

namespace vit::kernels {
namespace {

struct GemmLevel {
  GemmShape shape;
  int block;      ///< the most rows of k that are summed at once
  bool strassen;  ///< whether Strassen's products are faster
  void (*gemm)(const GemmCall&);
  void (*pack_rows)(const float*, std::int64_t, const PackedRows&, int, int);
};

const GemmLevel& gemm_level(Isa isa) {
  static const GemmLevel portable{{4, 12}, 256, false, portable::gemm, portable::pack_rows};
  static const GemmLevel avx2{{4, 24}, 256, true, avx2::gemm, avx2::pack_rows};
  static const GemmLevel avx512{{8, 48}, 192, false, avx512::gemm, avx512::pack_rows};
  switch (isa) {
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
      return avx512;
    case Isa::kPortable:
      break;
  }
  return portable;
}

int ceil_div(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

/// Blocks of which there is an even number: as near as can be to those that are the fastest, whose
/// panels fit into the first cache level. 0 where there are none.
int strassen_block(std::int64_t k) {
  constexpr int kLeast = 128, kBest = 192, kMost = 256;
  int best = 0;
  for (int block = kMost; block >= kLeast; block -= static_cast<int>(kPadding))
    if (k % (2 * block) == 0 && std::abs(block - kBest) < std::abs(best - kBest)) best = block;
  return best;
}

/// As many blocks as are needed, evenly.
int block_of(Isa isa, std::int64_t k) {
  const auto& level = gemm_level(isa);
  const int even = level.strassen ? strassen_block(k) : 0;
  if (even > 0) return even;
  const int blocks = ceil_div(k, level.block);
  return static_cast<int>(padded(ceil_div(k, std::max(blocks, 1))));
}

std::uint16_t to_bf16(float x) {
  auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  bits += 0x7fffU + ((bits >> 16U) & 1U);
  return static_cast<std::uint16_t>(bits >> 16U);
}

}  // namespace

std::size_t size_of(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBf16:
      return sizeof(std::uint16_t);
    case WeightFormat::kInt8:
      return sizeof(std::int8_t);
    case WeightFormat::kFloat32:
      break;
  }
  return sizeof(float);
}

GemmShape gemm_shape(Isa isa) { return gemm_level(isa).shape; }

PackedRows packed_rows(Isa isa, float* data, std::int64_t rows, std::int64_t k) {
  return {.data = data,
          .rows = static_cast<int>(rows),
          .tiles = ceil_div(rows, gemm_shape(isa).rows),
          .k = static_cast<int>(padded(k)),
          .block = block_of(isa, padded(k))};
}

std::int64_t packed_size(Isa isa, std::int64_t rows, std::int64_t k) {
  const auto packed = packed_rows(isa, nullptr, rows, k);
  return std::int64_t{packed.tiles} * gemm_shape(isa).rows * packed.k;
}

PackedWeight packed_weight(Isa isa, std::int64_t n, std::int64_t k, bool gated) {
  const int parts = gated ? 2 : 1;
  return {.n = static_cast<int>(n),
          .k = static_cast<int>(padded(k)),
          .block = block_of(isa, padded(k)),
          .panels = parts * ceil_div(padded(n / parts), gemm_shape(isa).columns)};
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
  const auto size = std::int64_t{weight.panels} * gemm_shape(isa).columns * weight.k;
  return weight.strassen ? size / 4 * kStrassenProducts : size;
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

}  // namespace

void pack_weight(Isa isa, const PackedWeight& weight, std::int64_t k, std::int64_t first,
                 std::int64_t count, const float* const* rows, void* data) {
  const int columns = gemm_shape(isa).columns;
  std::vector<const float*> all;  // of whole panels
  if (const auto together = weight.strassen ? 2 * columns : columns; count % together != 0) {
    all.assign(rows, rows + count);
    all.resize(static_cast<std::size_t>(std::int64_t{ceil_div(count, together)} * together));
    rows = all.data();
    count = static_cast<std::int64_t>(all.size());
  }
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
            out[i * columns + c] =
                row != nullptr && begin + i < k ? narrow(row[begin + i], p * columns + c) : T{};
        }
      }
  };
  switch (weight.format) {
    case WeightFormat::kFloat32:
      return pack_plain(isa, weight, k, first, count, rows, static_cast<float*>(data));
    case WeightFormat::kBf16:
      return pack_as(static_cast<std::uint16_t*>(data),
                     [](float x, std::int64_t) { return to_bf16(x); });
    case WeightFormat::kInt8:
      return pack_as(static_cast<std::int8_t*>(data), [&](float x, std::int64_t column) {
        const float whole = std::nearbyint(x / weight.scale[column]);
        return static_cast<std::int8_t>(std::clamp(whole, -127.0F, 127.0F));
      });
  }
}

void pack_rows(Isa isa, const float* x, std::int64_t ld, const PackedRows& out, int tile_begin,
               int tile_end) {
  gemm_level(isa).pack_rows(x, ld, out, tile_begin, tile_end);
}

std::int64_t gemm_scratch(Isa isa) {
  const auto& level = gemm_level(isa);
  const std::int64_t chunk = std::int64_t{kTileChunk} * level.shape.rows;
  // Sums, and a panel that is widened.
  const auto classic = chunk * kChunkColumns + std::int64_t{level.block} * level.shape.columns;
  // Sums, and those of half the rows with two tiles without a partner.
  const auto strassen = chunk * kStrassenColumns +
                        (std::int64_t{kTileChunk} / 2 + 2) * level.shape.rows * level.block;
  return std::max(classic, strassen);
}

void gemm(Isa isa, const GemmCall& call) { gemm_level(isa).gemm(call); }

double measure_peak(Isa isa) {
  const auto [rows, columns] = gemm_shape(isa);
  constexpr int kTiles = 8, kDepth = 128, kRounds = 20;
  const auto zeros = [](std::int64_t count) {
    return std::vector<float>(static_cast<std::size_t>(count));
  };
  auto a = zeros(packed_size(isa, kTiles * rows, kDepth)), scratch = zeros(gemm_scratch(isa));
  auto out = zeros(std::int64_t{kTiles + 1} * rows * padded(columns));
  GemmCall call;
  call.a = packed_rows(isa, a.data(), kTiles * rows, kDepth);
  call.weight = packed_weight(isa, columns, kDepth);
  const auto weight = zeros(packed_size(isa, call.weight));
  call.weight.data = weight.data();
  call.panel_end = call.weight.panels;
  call.epilogue.rows = out.data();
  call.epilogue.ld = padded(columns);
  call.scratch = scratch.data();
  const double flops = 2.0 * kTiles * kDepth * rows * columns;
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
