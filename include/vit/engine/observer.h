// What a model's linear layers read when it looks at images: what int8 files are calibrated with.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vit/kernels/gemm.h"

namespace vit::engine {

/// The inputs of one linear layer, over all rows that it read.
class LayerInputs {
 public:
  /// `values` from input `first` on.
  void add(std::int64_t first, std::span<const float> values);

  /// Of each input, [in].
  std::vector<double> mean_squares() const;

  /// The numbers whose mean square difference from the inputs is the least: outliers are cut off
  /// where that makes the other steps finer by more. Zero is always within their range.
  kernels::RowScale best_scale() const;

 private:
  std::vector<double> squares_;       ///< [in]: sums
  std::vector<std::int64_t> rows_;    ///< [in]: how many each sum is of
  std::vector<std::int64_t> counts_;  ///< of values, by the upper 16 bits of the float
};

/// Collects them for PackedEngine::observe(). Not for several threads at the same time.
class Observer {
 public:
  void see(const std::string& parameter, std::int64_t first, std::span<const float> values) {
    layers_[parameter].add(first, values);
  }

  /// By the name of the layer's weight.
  const std::map<std::string, LayerInputs>& layers() const { return layers_; }

 private:
  std::map<std::string, LayerInputs> layers_;
};

}  // namespace vit::engine
