// A linear layer that makes q, k and v, and the attention that reads them, one group of heads after
// another.
#pragma once

#include <algorithm>

#include "engine/steps/attention.h"
#include "engine/steps/linear.h"

namespace vit::engine {

/// Each thread computes q, k and v of a group of heads and attends to them at once, while they are
/// in its cache. The layer's columns are q, k and v of the first group, then of the next, …, each
/// group's of whole panels; it is not gated, and reads another buffer than attention writes.
class HeadsStep : public Step {
 public:
  /// `rows`: of one image, for flops().
  HeadsStep(std::string name, LinearPtr linear, LinearOptions product, std::int64_t rows,
            const AttentionStepOptions& attention);

  std::string describe() const override {
    return linear_.describe() + "; " + attention_.describe();
  }
  double flops(const Geometry& geometry) const override {
    return linear_.flops(geometry) + attention_.flops(geometry);
  }
  std::int64_t scratch(Isa isa, const Geometry& geometry) const override {
    return std::max(linear_.scratch(isa, geometry), attention_.scratch(isa, geometry));
  }
  void run(const Frame& frame) const override;

 private:
  int groups_;
  int panels_per_group_;
  int heads_per_group_;
  LinearStep linear_;
  AttentionStep attention_;
};

}  // namespace vit::engine
