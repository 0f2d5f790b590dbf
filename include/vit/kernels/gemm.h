// Matrix products of packed operands: out = epilogue(a · weightᵀ + bias), with sums in float32, or
// in int32 of 8-bit operands.
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

/// The type of the rows that a product reads.
enum class RowFormat {
  kFloat32,
  kBf16,        ///< rounded to the nearest bfloat16
  kBf16Pair,    ///< the nearest bfloat16, and the one that is nearest to what is left
  kBf16Triple,  ///< three of them, in which no bit of a float32 is lost (above 2^-110)
  kUint8,       ///< whole numbers times a scale, from a row's least value on: 255 is its largest
};

/// Whether rows are whole numbers with a RowScale each.
constexpr bool has_scales(RowFormat format) { return format == RowFormat::kUint8; }

/// Whether rows are of one or several bfloat16 a value.
constexpr bool is_bf16(RowFormat format) {
  return format != RowFormat::kFloat32 && !has_scales(format);
}

/// Of products that read such rows.
GemmShape gemm_shape(Isa isa, RowFormat format = RowFormat::kFloat32);

/// What a row of kUint8 stands for: offset + scale · number.
struct RowScale {
  float scale = 0.0F;
  float offset = 0.0F;

  bool operator==(const RowScale&) const = default;
};

/// Rows `[rows, k]` as products read them. Rows of the last tile beyond `rows` may hold anything.
/// Of kFloat32: blocks of `block` values of k (the last one may be shorter), in each
/// `[tile][k][tile_rows]`. Of the others: `[tile][line][part][tile_rows][64 bytes]`, where a line
/// is 64 bytes of a row's values; kBf16Pair has two parts and kBf16Triple three.
struct PackedRows {
  float* data = nullptr;
  int rows = 0;
  int tiles = 0;
  int tile_rows = 0;
  int columns = 0;  ///< of them, padded
  int k = 0;        ///< the same in whole lines
  int block = 0;    ///< of kFloat32: a multiple of kPadding
  RowFormat format = RowFormat::kFloat32;
  RowScale* scales = nullptr;  ///< where it has_scales(), one for each row; behind the values
  /// The same for all rows, where its scale is not 0: values beyond its numbers become the nearest
  /// of them, and rows need not be whole when they are written.
  RowScale fixed;
};

/// A view of `data`, which has room for packed_size() floats.
PackedRows packed_rows(Isa isa, float* data, std::int64_t rows, std::int64_t k,
                       RowFormat format = RowFormat::kFloat32);
std::int64_t packed_size(Isa isa, std::int64_t rows, std::int64_t k,
                         RowFormat format = RowFormat::kFloat32);

/// How a weight's values are stored.
enum class WeightFormat {
  kFloat32,
  kBf16,      ///< rounded to the nearest bfloat16, even where two are as near
  kBf16Pair,  ///< two of them, the second for what the first leaves
  /// Three of them, without loss: sums of six of their nine products have float32's accuracy. Of
  /// values that are infinite, or nearer to it than bfloat16 can be, the sums are not a number.
  kBf16Triple,
  /// Whole numbers from -127 to 127, times a scale for each row of the weight. Sums have 32 bits,
  /// which are enough for k up to 66,000.
  kInt8,
};

/// What products with such weights read on this level. Of bfloat16 weights it may be kFloat32: then
/// they widen the panel that they work on. Throws UsageError where the level has no such products.
RowFormat row_format(Isa isa, WeightFormat format);

/// A linear layer's weight `[n, k]`. Of products that read kFloat32: for each block of k
/// `[panel][k][shape.columns]`; for Strassen's products, for each pair of blocks
/// `[product][pair of panels][k][shape.columns]`. Of the others
/// `[panel][line][part][half of the columns][4 bytes of k][column]`, where a line is 64 bytes of k.
struct PackedWeight {
  const void* data = nullptr;
  WeightFormat format = WeightFormat::kFloat32;
  RowFormat reads = RowFormat::kFloat32;
  const float* scale = nullptr;  ///< of kInt8: [panels · shape.columns]
  /// Of kInt8: [panels · shape.columns], the sum of each row's whole numbers.
  float* row_sum = nullptr;
  const float* bias = nullptr;  ///< [panels · shape.columns], or null
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
PackedWeight packed_weight(Isa isa, std::int64_t n, std::int64_t k, bool gated = false,
                           WeightFormat format = WeightFormat::kFloat32);
/// The same for Strassen's products; unchanged where the blocks of k or the format don't fit them.
PackedWeight strassen_weight(Isa isa, PackedWeight weight);
/// Whether they are faster there.
bool strassen_pays(Isa isa, const PackedWeight& weight);
/// Floats whose room its `data` takes.
std::int64_t packed_size(Isa isa, const PackedWeight& weight);
/// Writes row `first + i` (`i` < `count`) of the weight from rows[i][0 … k); rows[i] null: zeros.
/// Whole panels at a time (pairs for Strassen): `first` and `count` are multiples of shape.columns,
/// except that the last rows may be fewer. Of kInt8 `weight.scale` is there already; `row_sum` is
/// written.
void pack_weight(Isa isa, const PackedWeight& weight, std::int64_t k, std::int64_t first,
                 std::int64_t count, const float* const* rows, void* data);

/// Row-major rows to packed rows of any format, tiles `[tile_begin, tile_end)`. `x` is the first
/// row of `tile_begin`; its rows are readable up to `out.k` columns, and zero beyond the last.
void pack_rows(Isa isa, const float* x, std::int64_t ld, const PackedRows& out, int tile_begin,
               int tile_end);

/// Rows `[columns of x, k]` from x [k, columns], as products that sum over x's rows read them; not
/// of whole numbers. x is readable up to whole tiles of its columns.
void pack_rows_transposed(Isa isa, const float* x, std::int64_t ld, std::int64_t k,
                          const PackedRows& out);

/// pack_rows and pack_rows_transposed of x [rows.rows, columns of x], and sums[c] += Σ x[r][c] in
/// the rows' order.
void pack_rows_both_ways(Isa isa, const float* x, std::int64_t ld, const PackedRows& rows,
                         const PackedRows& transposed, float* sums);

/// pack_weight's panels `[panel_begin, panel_end)` of a weight that stands transposed in memory:
/// weight[n][i] = x[i · ld + n] for i < k. Of kFloat32, or of those that read bfloat16; weight.n is
/// a multiple of kPadding.
void pack_weight_transposed(Isa isa, const PackedWeight& weight, const float* x, std::int64_t ld,
                            std::int64_t k, int panel_begin, int panel_end, void* data);

/// A row that is not of whole numbers, `rows.k` values.
void unpack_row(const PackedRows& rows, int row, float* out);

/// What becomes of y = a · weightᵀ + bias: act(y) · scale + addend as rows, or act(y) as packed
/// rows.
struct Epilogue {
  Activation activation = Activation::kIdentity;
  /// Panels of the weight alternate gate and value: act(gate) · value, with half the columns. A
  /// panel range then begins and ends at a gate.
  bool gated = false;

  /// Where `packed.data` is not null: of kFloat32 where the product reads such rows, else of
  /// bfloat16, or whole numbers of a fixed scale.
  PackedRows packed;

  float* rows = nullptr;  ///< else [a.rows, ≥ padded(n)]
  std::int64_t ld = 0;
  /// Where one is not null, y is written there too, of a product that is not gated.
  float* before = nullptr;
  std::uint16_t* before_bf16 = nullptr;
  std::int64_t before_ld = 0;
  const float* scale = nullptr;   ///< [padded(n)], or null
  const float* addend = nullptr;  ///< like `rows`, may be `rows`; or null
  std::int64_t addend_ld = 0;
  /// `addend` is `rows`, and sums may begin with it: faster, but then their rounding depends on
  /// where a row stands.
  bool accumulate = false;
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

/// Floats of scratch memory that products with this weight need on a thread.
std::int64_t gemm_scratch(Isa isa, const PackedWeight& weight);
/// Whether each call prepares such rows first, so that few calls of many panels are the faster
/// ones.
bool splits_rows(Isa isa, RowFormat format);
void gemm(Isa isa, const GemmCall& call);

/// Floating-point operations a second of gemm() on one thread with operands that stay in the first
/// two cache levels, the best of a few short rounds; takes some 20 ms.
double measure_peak(Isa isa, WeightFormat format = WeightFormat::kFloat32);

}  // namespace vit::kernels
