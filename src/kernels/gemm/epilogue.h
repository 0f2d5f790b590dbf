// What happens to a tile of finished sums.
#pragma once

#include "kernels/gemm/narrow_rows.h"
#include "kernels/gemm/tile.h"
#include "kernels/vector/math.h"

namespace vit::kernels {

/// A tile's sums for one panel of the weight, and what belongs to the panel's columns.
struct PanelSums {
  const float* sums = nullptr;
  const float* bias = nullptr;  ///< or null
  const float* scale = nullptr;
  const float* row_sum = nullptr;
};

VIT_INLINE const float* panel_part(const float* values, int first) {
  return values != nullptr ? values + first : nullptr;
}

VIT_INLINE PanelSums panel_sums(const PackedWeight& weight, int panel, int columns,
                                const float* sums) {
  const int first = panel * columns;
  return {sums, panel_part(weight.bias, first), panel_part(weight.scale, first),
          panel_part(weight.row_sum, first)};
}

/// One tile × panel of finished sums, [Tile::kRows][Tile::kVectors vectors].
struct TileSums {
  int tile = 0;
  int panel = 0;  ///< of the output, which a gated product has half of
  int rows = 0;   ///< rows that count, at most Tile::kRows
  PanelSums value;
  PanelSums gate;                    ///< of a gated product
  const RowScale* scales = nullptr;  ///< of rows that have them: the tile's
  int scale_step = 0;                ///< from one row's to the next
};

/// How the sums of float32 products lie.
template <class V>
struct FloatTile {
  static constexpr int kRows = V::kRows, kVectors = kPanelVectors;
  static constexpr bool kNear = false;  ///< what comes of it is narrow

  static VIT_INLINE typename V::Reg value(const TileSums& /*tile*/, const PanelSums& panel, int row,
                                          int j) {
    return V::load(panel.sums + (row * kVectors + j) * V::kWidth);
  }
};

template <class V, class Tile>
VIT_INLINE typename V::Reg biased(const TileSums& tile, const PanelSums& panel, int row, int j) {
  const auto y = Tile::value(tile, panel, row, j);
  return panel.bias != nullptr ? V::add(y, V::load(panel.bias + j * V::kWidth)) : y;
}

template <class V, class Tile, Activation A>
VIT_INLINE typename V::Reg activate_sums(typename V::Reg y) {
  if constexpr (Tile::kNear && A == Activation::kGelu) return near_gelu<V>(y);
  return activate<V, A>(y);
}

/// y as it is, where it is asked for.
template <class V, class Tile>
VIT_INLINE void write_before(const Epilogue& epilogue, const TileSums& sums, int row, int j,
                             typename V::Reg y) {
  if (epilogue.before == nullptr && epilogue.before_bf16 == nullptr) return;
  if (row >= sums.rows) return;
  const auto at = (std::int64_t{sums.tile} * Tile::kRows + row) * epilogue.before_ld +
                  (sums.panel * Tile::kVectors + j) * V::kWidth;
  if (epilogue.before != nullptr) V::store(epilogue.before + at, y);
  if (epilogue.before_bf16 != nullptr) V::store_bf16(epilogue.before_bf16 + at, V::to_bf16(y));
}

/// act(y) of one vector of one row.
template <class V, class Tile, Activation A, bool Gated>
VIT_INLINE typename V::Reg activated(const Epilogue& epilogue, const TileSums& sums, int row,
                                     int j) {
  const auto y = biased<V, Tile>(sums, sums.value, row, j);
  if constexpr (!Gated) {
    write_before<V, Tile>(epilogue, sums, row, j, y);
    return activate_sums<V, Tile, A>(y);
  }
  return V::mul(activate_sums<V, Tile, A>(biased<V, Tile>(sums, sums.gate, row, j)), y);
}

template <class V, class Tile, Activation A, bool Gated>
void finish_rows(const Epilogue& epilogue, int columns, const TileSums& sums) {
  const int first = sums.panel * Tile::kVectors * V::kWidth, left = (columns - first) / V::kWidth;
  const int vectors = left < Tile::kVectors ? left : Tile::kVectors;
  const auto first_row = std::int64_t{sums.tile} * Tile::kRows;
  float* out = epilogue.rows + first_row * epilogue.ld + first;
  const float* addend = epilogue.addend;
  if (addend != nullptr) addend += first_row * epilogue.addend_ld + first;
  for (int r = 0; r < sums.rows; ++r, out += epilogue.ld) {
    for (int j = 0; j < vectors; ++j) {
      auto y = activated<V, Tile, A, Gated>(epilogue, sums, r, j);
      if (epilogue.scale != nullptr) y = V::mul(y, V::load(epilogue.scale + first + j * V::kWidth));
      if (addend != nullptr) y = V::add(V::load(addend + j * V::kWidth), y);
      V::store(out + j * V::kWidth, y);
    }
    if (addend != nullptr) addend += epilogue.addend_ld;
  }
}

template <class V, class Tile, Activation A, bool Gated>
void finish_packed(const Epilogue& epilogue, int columns, const TileSums& sums) {
  const auto& packed = epilogue.packed;
  const int first = sums.panel * Tile::kVectors * V::kWidth;
  for (int j = 0; j < Tile::kVectors && first + j * V::kWidth < columns; ++j) {
    const int column = first + j * V::kWidth;
    if constexpr (Tile::kRows == V::kRows) {
      typename V::Reg y[V::kRows];
      VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) y[r] = activated<V, Tile, A, Gated>(epilogue, sums, r, j);
      V::store_columns(y, packed_at<V>(packed, sums.tile, column));
    } else {
      const NarrowWriter<V> writer(packed);
      auto* to = narrow_at(packed, sums.tile * Tile::kRows, column);
      for (int r = 0; r < sums.rows; ++r, to += kLineBytes)
        writer.put(to, activated<V, Tile, A, Gated>(epilogue, sums, r, j));
    }
  }
}

using Finish = void (*)(const Epilogue& epilogue, int columns, const TileSums& sums);

template <class V, class Tile>
Finish find_finish(const Epilogue& epilogue) {
  const bool packed = epilogue.packed.data != nullptr, gated = epilogue.gated;
  return with_activation<V>(epilogue.activation, [&]<Activation A>() -> Finish {
    if (gated) return packed ? finish_packed<V, Tile, A, true> : finish_rows<V, Tile, A, true>;
    return packed ? finish_packed<V, Tile, A, false> : finish_rows<V, Tile, A, false>;
  });
}

/// Whether sums in float32 go to rows as they are.
VIT_INLINE bool leaves_sums(const GemmCall& call) {
  const auto& e = call.epilogue;
  return e.packed.data == nullptr && !e.gated && e.activation == Activation::kIdentity &&
         call.weight.bias == nullptr && e.scale == nullptr && e.before == nullptr &&
         e.before_bf16 == nullptr && (e.addend == nullptr || e.accumulate);
}

/// Columns of the output, padded.
VIT_INLINE int output_columns(const GemmCall& call) {
  const int n = call.epilogue.gated ? call.weight.n / 2 : call.weight.n;
  return static_cast<int>((n + kPadding - 1) / kPadding * kPadding);
}

}  // namespace vit::kernels
