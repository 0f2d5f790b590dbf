// What happens to a tile of finished sums.
#pragma once

#include "kernels/gemm/narrow_rows.h"
#include "kernels/gemm/tile.h"
#include "kernels/vector/math.h"
#include "kernels/vector/several.h"

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
  static constexpr bool kNear = false;          ///< GELU may be as coarse as bfloat16
  static constexpr bool kWritesNarrow = false;  ///< packed rows are of fewer than 32 bits

  /// What a vector of columns has of its own.
  struct Columns {
    typename V::Reg bias;
  };
  static VIT_INLINE Columns columns(const TileSums& /*tile*/, const PanelSums& panel, int j) {
    return {panel.bias != nullptr ? V::load(panel.bias + j * V::kWidth) : V::zero()};
  }
  /// The products' sum and the bias.
  static VIT_INLINE typename V::Reg value(const TileSums& /*tile*/, const PanelSums& panel,
                                          const Columns& columns, int row, int j) {
    return V::add(V::load(panel.sums + (row * kVectors + j) * V::kWidth), columns.bias);
  }
};

template <class V, class Tile, Activation A>
VIT_INLINE typename V::Reg activate_sums(const typename V::Reg& y) {
  if constexpr (Tile::kNear && A == Activation::kGelu) return near_gelu<V>(y);
  return activate<V, A>(y);
}

/// act(y) of one vector of columns. What these have of their own is read once, in begin(): stores
/// of rows may change anything, so that it would be read again after each.
template <class V, class Tile, Activation A, bool Gated>
struct ActivatedColumns {
  int j;
  typename Tile::Columns value, gate;

  VIT_INLINE void begin(const TileSums& sums, int vector) {
    j = vector;
    value = Tile::columns(sums, sums.value, j);
    if constexpr (Gated) gate = Tile::columns(sums, sums.gate, j);
  }

  /// Of N rows from `row` on.
  template <int N>
  VIT_INLINE typename Several<V, N>::Reg of(const Epilogue& epilogue, const TileSums& sums,
                                            int row) const {
    using Rows = Several<V, N>;
    const auto y =
        Rows::each([&](int i) { return Tile::value(sums, sums.value, value, row + i, j); });
    if constexpr (Gated) {
      const auto g =
          Rows::each([&](int i) { return Tile::value(sums, sums.gate, gate, row + i, j); });
      return Rows::mul(activate_sums<Rows, Tile, A>(g), y);
    } else {
      for (int i = 0; i < N; ++i) write_before(epilogue, sums, row + i, y.of[i]);
      return activate_sums<Rows, Tile, A>(y);
    }
  }

 private:
  /// y as it is, where it is asked for.
  VIT_INLINE void write_before(const Epilogue& epilogue, const TileSums& sums, int row,
                               typename V::Reg y) const {
    if (epilogue.before == nullptr && epilogue.before_bf16 == nullptr) return;
    if (row >= sums.rows) return;
    const auto at = (std::int64_t{sums.tile} * Tile::kRows + row) * epilogue.before_ld +
                    (sums.panel * Tile::kVectors + j) * V::kWidth;
    if (epilogue.before != nullptr) V::store(epilogue.before + at, y);
    if (epilogue.before_bf16 != nullptr) V::store_near_bf16(epilogue.before_bf16 + at, y);
  }
};

template <class V, class Tile, Activation A, bool Gated>
void finish_rows(const Epilogue& epilogue, int columns, const TileSums& sums) {
  const int first = sums.panel * Tile::kVectors * V::kWidth, left = (columns - first) / V::kWidth;
  const int vectors = left < Tile::kVectors ? left : Tile::kVectors;
  const auto first_row = std::int64_t{sums.tile} * Tile::kRows;
  ActivatedColumns<V, Tile, A, Gated> all_columns[Tile::kVectors];
  for (int j = 0; j < vectors; ++j) all_columns[j].begin(sums, j);
  float* out = epilogue.rows + first_row * epilogue.ld + first;
  const float* addend = epilogue.addend;
  if (addend != nullptr) addend += first_row * epilogue.addend_ld + first;
  for (int row = 0; row < sums.rows; ++row, out += epilogue.ld) {
    for (int j = 0; j < vectors; ++j) {
      const int column = j * V::kWidth;
      auto y = all_columns[j].template of<1>(epilogue, sums, row).of[0];
      if (epilogue.scale != nullptr) y = V::mul(y, V::load(epilogue.scale + first + column));
      if (addend != nullptr) y = V::add(V::load(addend + column), y);
      V::store(out + column, y);
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
    ActivatedColumns<V, Tile, A, Gated> one;
    one.begin(sums, j);
    if constexpr (Tile::kWritesNarrow) {
      const NarrowWriter<V> writer(packed);
      auto* const to = narrow_at(packed, sums.tile * Tile::kRows, column);
      const auto finish = [&]<int N>(int row) {
        writer.template put<N>(to + row * kLineBytes, one.template of<N>(epilogue, sums, row));
      };
      constexpr int kTogether = 4;  // more keep too many values for the registers
      int row = 0;
      for (; row + kTogether <= sums.rows; row += kTogether)
        finish.template operator()<kTogether>(row);
      for (; row < sums.rows; ++row) finish.template operator()<1>(row);
    } else {
      typename V::Reg y[V::kRows];
      VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) y[r] = one.template of<1>(epilogue, sums, r).of[0];
      V::store_columns(y, packed_at<V>(packed, sums.tile, column));
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
