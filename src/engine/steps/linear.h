// A linear layer and what is fused with it.
#pragma once

#include <functional>
#include <optional>

#include "engine/memory.h"
#include "engine/step.h"
#include "vit/kernels/gemm.h"

namespace vit::engine {

/// A packed weight and the memory under it.
struct Linear {
  kernels::PackedWeight packed;
  FloatBuffer data, bias;
  std::int64_t in = 0;
  std::int64_t out = 0;  ///< columns of the product; of a gated one half the weight's rows
};

/// Packs `count` rows of a weight `[n, in]`; row(i) is its i-th row, bias(i) its bias (may be
/// empty). Of a gated one the first half of the rows are gates, the second values.
Linear pack_linear(Isa isa, std::int64_t n, std::int64_t in, bool gated,
                   const std::function<const float*(std::int64_t)>& row,
                   const std::function<float(std::int64_t)>& bias);

struct LinearOptions {
  BufferId in = -1;
  std::optional<std::int64_t> rows;  ///< the first of each image; all where it is empty
  kernels::Activation activation = kernels::Activation::kIdentity;
  bool gated = false;

  BufferId out = -1;            ///< rows or packed
  std::int64_t row_offset = 0;  ///< of `out`, where it is rows
  std::int64_t column_offset = 0;
  FloatBuffer scale;     ///< LayerScale; empty for none
  BufferId addend = -1;  ///< a buffer of rows like `out`; -1 for none
  FloatBuffer table;     ///< or a constant: rows as in `out` from row_offset on
};

class LinearStep : public Step {
 public:
  /// `rows`: of one image, for flops().
  LinearStep(std::string name, Linear linear, LinearOptions options, std::int64_t rows);

  std::string describe() const override;
  double flops() const override { return flops_; }
  std::int64_t scratch(Isa isa) const override { return kernels::gemm_scratch(isa); }
  void run(const Frame& frame) const override;

 private:
  Linear linear_;
  LinearOptions options_;
  double flops_ = 0.0;
};

}  // namespace vit::engine
