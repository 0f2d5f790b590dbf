// What happens to a tile of finished sums.
#pragma once

#include "kernels/gemm/tile.h"
#include "kernels/vector/math.h"

namespace vit::kernels {

/// One tile × panel of finished sums, [V::kRows][3 vectors].
struct TileSums {
  int tile = 0;
  int panel = 0;  ///< of the output, which a gated product has half of
  int rows = 0;   ///< rows that count, at most V::kRows
  const float* value = nullptr;
  const float* gate = nullptr;  ///< of a gated product
  const float* bias = nullptr;  ///< of the panel of `value`, or null
  const float* gate_bias = nullptr;
};

/// act(y) of one vector of one row.
template <class V, Activation A, bool Gated>
VIT_INLINE typename V::Reg activated(const TileSums& sums, int row, int j) {
  const int at = row * kPanelVectors * V::kWidth + j * V::kWidth;
  auto y = V::load(sums.value + at);
  if (sums.bias != nullptr) y = V::add(y, V::load(sums.bias + j * V::kWidth));
  if constexpr (!Gated) return activate<V, A>(y);
  auto gate = V::load(sums.gate + at);
  if (sums.gate_bias != nullptr) gate = V::add(gate, V::load(sums.gate_bias + j * V::kWidth));
  return V::mul(activate<V, A>(gate), y);
}

template <class V, Activation A, bool Gated>
void finish_rows(const Epilogue& epilogue, int columns, const TileSums& sums) {
  const int first = sums.panel * kPanelVectors * V::kWidth;
  for (int j = 0; j < kPanelVectors && first + j * V::kWidth < columns; ++j) {
    const int column = first + j * V::kWidth;
    for (int r = 0; r < sums.rows; ++r) {
      const std::int64_t row = sums.tile * V::kRows + r;
      auto y = activated<V, A, Gated>(sums, r, j);
      if (epilogue.scale != nullptr) y = V::mul(y, V::load(epilogue.scale + column));
      if (epilogue.addend != nullptr)
        y = V::add(V::load(epilogue.addend + row * epilogue.addend_ld + column), y);
      V::store(epilogue.rows + row * epilogue.ld + column, y);
    }
  }
}

template <class V, Activation A, bool Gated>
void finish_packed(const Epilogue& epilogue, int columns, const TileSums& sums) {
  const int first = sums.panel * kPanelVectors * V::kWidth;
  for (int j = 0; j < kPanelVectors && first + j * V::kWidth < columns; ++j) {
    typename V::Reg y[V::kRows];
    VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) y[r] = activated<V, A, Gated>(sums, r, j);
    V::store_columns(y, packed_at<V>(epilogue.packed, sums.tile, first + j * V::kWidth));
  }
}

using Finish = void (*)(const Epilogue& epilogue, int columns, const TileSums& sums);

template <class V>
Finish find_finish(const Epilogue& epilogue) {
  const bool packed = epilogue.packed.data != nullptr, gated = epilogue.gated;
  return with_activation<V>(epilogue.activation, [&]<Activation A>() -> Finish {
    if (gated) return packed ? finish_packed<V, A, true> : finish_rows<V, A, true>;
    return packed ? finish_packed<V, A, false> : finish_rows<V, A, false>;
  });
}

}  // namespace vit::kernels
