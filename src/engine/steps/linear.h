// A linear layer and what is fused with it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/memory.h"
#include "engine/step.h"
#include "vit/kernels/gemm.h"

namespace vit::engine {

/// A parameter of which a layer is made, and which of its inputs the layer's first is.
struct LinearParameter {
  std::string name;
  std::int64_t first_input = 0;
};

/// A packed weight and the memory under it.
struct Linear {
  std::vector<LinearParameter> parameters;
  kernels::PackedWeight packed;
  FloatBuffer data, bias, scale, row_sum;
  std::int64_t in = 0;
  std::int64_t out = 0;  ///< columns of the product; of a gated one half the weight's rows
};

/// Steps of the same layer share its weight.
using LinearPtr = std::shared_ptr<Linear>;

struct LinearShape {
  std::int64_t n = 0, in = 0;
  bool gated = false;  ///< the first half of the rows are gates, the second values
  kernels::WeightFormat format = kernels::WeightFormat::kFloat32;
  bool strassen = false;       ///< where it pays
  ThreadTeam* team = nullptr;  ///< packs it; null: the calling thread
};

/// A weight `[n, in]` row by row; several threads ask.
struct LinearRows {
  std::function<const float*(std::int64_t)> row;  ///< null for a row of zeros
  std::function<float(std::int64_t)> bias;        ///< empty for none
  /// Of int8: the row is whole numbers times it. Empty: such that its largest value is 127.
  std::function<float(std::int64_t)> scale;
};

LinearPtr pack_linear(Isa isa, const LinearShape& shape, const LinearRows& rows);

struct LinearOptions {
  BufferId in = -1;
  std::optional<std::int64_t> rows;  ///< the first of each image; all where it is empty
  kernels::Activation activation = kernels::Activation::kIdentity;
  bool gated = false;

  BufferId out = -1;            ///< rows or packed
  std::int64_t row_offset = 0;  ///< of `out`, where it is rows
  std::int64_t column_offset = 0;
  FloatBuffer scale;      ///< LayerScale; empty for none
  BufferId addend = -1;   ///< a buffer of rows like `out`; -1 for none
  bool position = false;  ///< or the geometry's positions, for rows from row_offset on
  // For describe().
  bool calibrated = false;  ///< what it reads has a fixed scale
  bool strict = false;      ///< stays in float32 for its outliers
};

class LinearStep : public Step {
 public:
  /// `rows`: of one image, for flops().
  LinearStep(std::string name, LinearPtr linear, LinearOptions options, std::int64_t rows)
      : Step(std::move(name)),
        linear_(std::move(linear)),
        options_(std::move(options)),
        rows_(rows) {}

  std::string describe() const override;
  double flops(const Geometry& geometry) const override;
  std::int64_t scratch(Isa isa, const Geometry& /*geometry*/) const override {
    return kernels::gemm_scratch(isa, linear_->packed);
  }
  void run(const Frame& frame) const override;
  /// The kernel's call, of which a thread does its share of the panels.
  kernels::GemmCall call(const Frame& frame) const;

 private:
  void observe(const Frame& frame, const kernels::PackedRows& in) const;

  LinearPtr linear_;
  LinearOptions options_;
  std::int64_t rows_;
};

}  // namespace vit::engine
