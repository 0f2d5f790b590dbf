// Matrix products of packed operands in float32: out = epilogue(a · weightᵀ + bias).
//
// Whoever makes a product's rows (a norm, attention, the epilogue of another product) writes them
// in packed form, so that nothing is packed twice. Each output is summed over k in a fixed order
// that depends on the shape of the weight and the level alone: not on how many rows there are, how
// the work is cut, or on how many threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vit/core/isa.h"
#include "vit/kernels/activation.h"

namespace vit::kernels {

/// Counts of columns are rounded up to this in memory; what is added is zero. Every level's vector
/// divides it.
inline constexpr std::int64_t kPadding = 16;

constexpr std::int64_t padded(std::int64_t columns) {
  return (columns + kPadding - 1) / kPadding * kPadding;
}

/// How a level cuts matrices.
struct GemmShape {
  int rows = 0;     ///< rows of a tile of a
  int columns = 0;  ///< columns of a panel of weights
};

GemmShape gemm_shape(Isa isa);

/// Rows `[rows, k]` as products read them: blocks of `block` values of k (the last one may be
/// shorter), in each `[tile][k][shape.rows]`. Rows of the last tile beyond `rows` may hold
/// anything.
struct PackedRows {
  float* data = nullptr;
  int rows = 0;
  int tiles = 0;
  int k = 0;      ///< padded
  int block = 0;  ///< a multiple of kPadding
};

/// A view of `data`, which has room for packed_size() floats.
PackedRows packed_rows(Isa isa, float* data, std::int64_t rows, std::int64_t k);
std::int64_t packed_size(Isa isa, std::int64_t rows, std::int64_t k);

/// How a weight's values are stored. A product widens the panel that it works on to float32.
enum class WeightFormat {
  kFloat32,
  kBf16,  ///< rounded to the nearest bfloat16, even where two are as near
  kInt8,  ///< whole numbers from -127 to 127, times a scale for each row of the weight
};

std::size_t size_of(WeightFormat format);

/// A linear layer's weight `[n, k]`: for each block of k `[panel][k][shape.columns]`; for
/// Strassen's products, for each pair of blocks `[product][pair of panels][k][shape.columns]`.
struct PackedWeight {
  const void* data = nullptr;
  WeightFormat format = WeightFormat::kFloat32;
  const float* scale = nullptr;  ///< of kInt8: [panels · shape.columns]
  const float* bias = nullptr;   ///< [panels · shape.columns], or null
  int n = 0;
  int k = 0;  ///< padded
  int block = 0;
  int panels = 0;
  /// Seven products in place of eight where two rows half a chunk apart are summed together: about
  /// a tenth faster, with 7/4 of the memory. A row's bits then depend on its partner, so it is for
  /// rows that always come together, such as an image's tokens.
  bool strassen = false;
};

/// Describes a weight; `data` and `bias` are still null. Of a gated one, `n` counts gates and
/// values.
PackedWeight packed_weight(Isa isa, std::int64_t n, std::int64_t k, bool gated = false);
/// The same for Strassen's products; unchanged where the blocks of k or the format don't fit them.
PackedWeight strassen_weight(Isa isa, PackedWeight weight);
/// Whether they are faster there.
bool strassen_pays(Isa isa, const PackedWeight& weight);
/// Values of its `data`.
std::int64_t packed_size(Isa isa, const PackedWeight& weight);
/// Writes row `first + i` (`i` < `count`) of the weight from rows[i][0 … k); rows[i] null: zeros.
/// Whole panels at a time (pairs for Strassen): `first` and `count` are multiples of shape.columns,
/// except that the last rows may be fewer. Of kInt8 `weight.scale` is there already.
void pack_weight(Isa isa, const PackedWeight& weight, std::int64_t k, std::int64_t first,
                 std::int64_t count, const float* const* rows, void* data);

/// Row-major rows to packed rows, tiles `[tile_begin, tile_end)`. `x` is the first row of
/// `tile_begin`; its rows are readable up to `out.k` columns, and zero beyond the last.
void pack_rows(Isa isa, const float* x, std::int64_t ld, const PackedRows& out, int tile_begin,
               int tile_end);

/// What becomes of y = a · weightᵀ + bias: act(y) · scale + addend as rows, or act(y) as packed
/// rows.
struct Epilogue {
  Activation activation = Activation::kIdentity;
  /// Panels of the weight alternate gate and value: act(gate) · value, with half the columns. A
  /// panel range then begins and ends at a gate.
  bool gated = false;

  PackedRows packed;  ///< where `packed.data` is not null

  float* rows = nullptr;  ///< else [a.rows, ≥ padded(n)]
  std::int64_t ld = 0;
  const float* scale = nullptr;   ///< [padded(n)], or null
  const float* addend = nullptr;  ///< like `rows`, may be `rows`; or null
  std::int64_t addend_ld = 0;
};

struct GemmCall {
  PackedRows a;
  PackedWeight weight;
  Epilogue epilogue;
  int tiles = 0;  ///< of `a` that are multiplied, from the first; 0: all
  int panel_begin = 0, panel_end = 0;
  /// Sums a row that is alone in the last tile in another order, four times as fast. For rows that
  /// always come in the same number, such as an image's tokens.
  bool fast_last_row = false;
  float* scratch = nullptr;  ///< gemm_scratch() floats of the calling thread
};

std::int64_t gemm_scratch(Isa isa);
void gemm(Isa isa, const GemmCall& call);

/// Floating-point operations a second of gemm() on one thread with operands that stay in the first
/// cache level; takes some 20 ms.
double measure_peak(Isa isa);

}  // namespace vit::kernels
