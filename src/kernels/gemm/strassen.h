// One level of Strassen's products: seven in place of eight, over the two halves of a chunk of
// rows, pairs of blocks of k and pairs of panels. Sums of weights are packed ahead, sums of rows
// are made for each product, and each product is added to the sums of the output that it is a part
// of.
//
// Rows that have no partner take four of the same seven panels, which is what they take without it:
//   y0 = (a0 + a1) w00 + a1 (w10 - w00),  y1 = a0 (w01 - w11) + (a0 + a1) w11.
#pragma once

#include "kernels/gemm/tile.h"

namespace vit::kernels {

inline constexpr int kStrassenProducts = 7;

/// A factor or a result of a product: ± one of the four parts of a matrix. Sign 0: none.
struct StrassenTerm {
  int row = 0;     ///< of a: half of the rows; of w: block of k; of c: half of the rows
  int column = 0;  ///< of a: block of k; of w and c: panel
  int sign = 0;
};

struct StrassenProduct {
  StrassenTerm a[2], w[2], c[2];
};

// In this order the first term of each part of c is positive.
constexpr StrassenProduct kStrassen[kStrassenProducts] = {
    {{{0, 0, 1}, {1, 1, 1}}, {{0, 0, 1}, {1, 1, 1}}, {{0, 0, 1}, {1, 1, 1}}},
    {{{1, 0, 1}, {1, 1, 1}}, {{0, 0, 1}, {}}, {{1, 0, 1}, {1, 1, -1}}},
    {{{0, 0, 1}, {}}, {{0, 1, 1}, {1, 1, -1}}, {{0, 1, 1}, {1, 1, 1}}},
    {{{1, 1, 1}, {}}, {{1, 0, 1}, {0, 0, -1}}, {{0, 0, 1}, {1, 0, 1}}},
    {{{0, 0, 1}, {0, 1, 1}}, {{1, 1, 1}, {}}, {{0, 0, -1}, {0, 1, 1}}},
    {{{1, 0, 1}, {0, 0, -1}}, {{0, 0, 1}, {0, 1, 1}}, {{1, 1, 1}, {}}},
    {{{0, 1, 1}, {1, 1, -1}}, {{1, 0, 1}, {1, 1, 1}}, {{0, 0, 1}, {}}},
};

/// A chunk of tiles [t0, t1) of rows.
struct StrassenRows {
  int t0 = 0, t1 = 0;
  int half = 0;  ///< tiles of each half; the others, two at most, have no partner
  int rest() const { return t1 - t0 - 2 * half; }
};

template <class V, class Loops>
struct StrassenLoops {
  using Reg = typename V::Reg;
  static constexpr int kColumns = kPanelVectors * V::kWidth;
  static constexpr int kTileSize = V::kRows * kColumns;

  const GemmCall& call;
  const Loops& loops;  ///< what both ways share
  StrassenRows rows;
  int p0, p1;
  float* sums_of_rows;
  const int block = call.weight.block;

  void run() const {
    for (int k = 0; k < call.weight.k; k += 2 * block) {
      multiply_parts<0>(k);
      multiply_parts<1>(k);
      multiply_parts<2>(k);
      multiply_parts<3>(k);
      multiply_parts<4>(k);
      multiply_parts<5>(k);
      multiply_parts<6>(k);
    }
  }

  /// Product Q of the blocks of k that begin at k.
  template <int Q>
  void multiply_parts(int k) const {
    constexpr bool kForRest = 1 <= Q && Q <= 4;
    const float* a = factor<Q>(k);
    const int tile_floats = block * V::kRows;
    for (int p = p0; p < p1; p += 2) {
      const float* w = panel(k, Q, p);
      const float* next = next_panel(k, Q, p);
      for (int i = 0; i < rows.half; ++i) {
        Ahead ahead = Loops::share_of(next, block, i, rows.half);
        meet_sums<Q, 0>(ahead, k, p, i);
        meet_sums<Q, 1>(ahead, k, p, i);
        Reg c[V::kRows][kPanelVectors];
        VIT_UNROLL
        for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
        for (int j = 0; j < kPanelVectors; ++j) c[r][j] = V::zero();
        multiply_tile<V>(a + i * tile_floats, w, block, ahead, c);
        add_to<Q, 0>(c, k, p, i);
        add_to<Q, 1>(c, k, p, i);
      }
      if constexpr (kForRest) {
        constexpr int kColumn = Q % 2 == 0 ? 1 : 0;
        for (int i = 0; i < rows.rest(); ++i) {
          const int t = rows.t0 + 2 * rows.half + i;
          const float* x = Q == 2   ? packed_at<V>(call.a, t, k)
                           : Q == 3 ? packed_at<V>(call.a, t, k + block)
                                    : a + (rows.half + i) * tile_floats;
          float* sums = sums_of(t, p + kColumn);
          loops.add_product(t, x, block, w, k == 0 && Q <= 2, sums, {});
          if (ends(k) && Q >= 3 && (!call.epilogue.gated || kColumn == 1))
            loops.finish_tile(t, p + kColumn, sums, panel_stride());
        }
      }
    }
  }

  VIT_INLINE bool ends(int k) const { return k + 2 * block == call.weight.k; }
  VIT_INLINE int panel_stride() const { return (rows.t1 - rows.t0) * kTileSize; }
  VIT_INLINE float* sums_of(int t, int p) const {
    return call.scratch + (p - p0) * panel_stride() + (t - rows.t0) * kTileSize;
  }

  VIT_INLINE const float* panel(int k, int q, int p) const {
    const auto pairs = static_cast<std::size_t>(call.weight.panels / 2);
    const auto pair = static_cast<std::size_t>(k / (2 * block) * kStrassenProducts + q) * pairs +
                      static_cast<std::size_t>(p / 2);
    return static_cast<const float*>(call.weight.data) +
           pair * static_cast<std::size_t>(block * kColumns);
  }

  /// What comes after p; after the last one of this chunk, the next chunk's first.
  VIT_INLINE const float* next_panel(int k, int q, int p) const {
    if (p + 2 < p1) return panel(k, q, p + 2);
    if (q + 1 < kStrassenProducts) return panel(k, q + 1, p0);
    if (!ends(k)) return panel(k + 2 * block, 0, p0);
    return panel(0, 0, p1 < call.weight.panels ? p1 : 0);
  }

  VIT_INLINE const float* part_of_rows(const StrassenTerm& term, int k) const {
    return packed_at<V>(call.a, rows.t0 + term.row * rows.half, k + term.column * block);
  }

  /// The product's left factor as packed tiles; behind those of the half, where they are needed,
  /// the others' sums of both blocks.
  template <int Q>
  const float* factor(int k) const {
    constexpr auto kFirst = kStrassen[Q].a[0], kSecond = kStrassen[Q].a[1];
    const float* a = part_of_rows(kFirst, k);
    if constexpr (kSecond.sign == 0) return a;
    add_rows<kSecond.sign>(a, part_of_rows(kSecond, k), rows.half, sums_of_rows);
    if constexpr (Q == 1 || Q == 4)
      if (rows.rest() > 0) {
        const int t = rows.t0 + 2 * rows.half;
        add_rows<1>(packed_at<V>(call.a, t, k), packed_at<V>(call.a, t, k + block), rows.rest(),
                    sums_of_rows + rows.half * block * V::kRows);
      }
    return sums_of_rows;
  }

  template <int Sign>
  VIT_INLINE void add_rows(const float* a, const float* b, int tiles, float* out) const {
    for (int i = 0; i < tiles * block * V::kRows; i += V::kWidth)
      V::store(out + i, Sign > 0 ? V::add(V::load(a + i), V::load(b + i))
                                 : V::sub(V::load(a + i), V::load(b + i)));
  }

  static constexpr bool same_part(const StrassenTerm& a, const StrassenTerm& b) {
    return a.sign != 0 && b.sign != 0 && a.row == b.row && a.column == b.column;
  }
  /// Whether a product before q (or after it) is a part of the same sums.
  static constexpr bool comes_between(int begin, int end, const StrassenTerm& part) {
    for (int q = begin; q < end; ++q)
      for (const auto& term : kStrassen[q].c)
        if (same_part(term, part)) return true;
    return false;
  }

  /// Whether product Q is the first one, or the last one, of its T-th part of the output.
  template <int Q, int T>
  static constexpr bool kIsFirst = !comes_between(0, Q, kStrassen[Q].c[T]);
  template <int Q, int T>
  static constexpr bool kIsLast = !comes_between(Q + 1, kStrassenProducts, kStrassen[Q].c[T]);

  /// What a tile of product Q will meet in its T-th part of the output. No product is the last one
  /// of two parts.
  template <int Q, int T>
  VIT_INLINE void meet_sums(Ahead& ahead, int k, int p, int i) const {
    constexpr auto kTerm = kStrassen[Q].c[T];
    if constexpr (kTerm.sign != 0) {
      const int t = rows.t0 + kTerm.row * rows.half + i, panel = p + kTerm.column;
      if (!kIsFirst<Q, T> || k > 0) ahead.near[T] = {sums_of(t, panel), kColumns};
      if (kIsLast<Q, T> && ends(k)) ahead.near[2] = loops.addend(t, panel);
    }
  }

  /// Adds a tile of product Q to its T-th part of the output, which it may be the last one of.
  template <int Q, int T>
  VIT_INLINE void add_to(const Reg (&c)[V::kRows][kPanelVectors], int k, int p, int i) const {
    constexpr auto kTerm = kStrassen[Q].c[T];
    if constexpr (kTerm.sign != 0) {
      static_assert(!kIsFirst<Q, T> || kTerm.sign > 0);
      const int t = rows.t0 + kTerm.row * rows.half + i, panel = p + kTerm.column;
      float* sums = sums_of(t, panel);
      if (kIsFirst<Q, T> && k == 0)
        store_sums(c, sums);
      else
        add_sums<kTerm.sign>(c, sums);
      if (kIsLast<Q, T> && ends(k)) finish<kTerm.row, kTerm.column>(t, p, sums);
    }
  }

  static VIT_INLINE void store_sums(const Reg (&c)[V::kRows][kPanelVectors], float* sums) {
    VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
    for (int j = 0; j < kPanelVectors; ++j) V::store(sums + r * kColumns + j * V::kWidth, c[r][j]);
  }

  template <int Sign>
  static VIT_INLINE void add_sums(const Reg (&c)[V::kRows][kPanelVectors], float* sums) {
    VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
    for (int j = 0; j < kPanelVectors; ++j) {
      float* s = sums + r * kColumns + j * V::kWidth;
      V::store(s, Sign > 0 ? V::add(V::load(s), c[r][j]) : V::sub(V::load(s), c[r][j]));
    }
  }

  /// A gate waits for its value or a value for its gate, whichever half of the rows has done last.
  template <int Row, int Column>
  VIT_INLINE void finish(int t, int p, const float* sums) const {
    if (!call.epilogue.gated)
      loops.finish_tile(t, p + Column, sums, panel_stride());
    else if constexpr (Row == Column)
      loops.finish_tile(t, p + 1, sums_of(t, p + 1), panel_stride());
  }
};

}  // namespace vit::kernels
