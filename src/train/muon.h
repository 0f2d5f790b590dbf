// Muon (Jordan et al. 2024), as timm.optim.Muon (1.0.31).
#pragma once

#include "adamw.h"
#include "moments.h"

namespace vit::train {

/// Matrices move along their orthogonalised momentum; what is no matrix (biases, norms, tokens,
/// position embedding) or a very long one is stepped by AdamW, by the same learning rate.
class Muon : public AdamW {
 public:
  Muon(std::vector<ParamGroup> groups, const OptimizerSettings& settings);

  NamedTensors state() const override;

 protected:
  void step_group(std::size_t group, const std::vector<std::size_t>& indices, double lr) override;

 private:
  double momentum_;
  double eps_;
  std::vector<std::vector<at::Tensor>> buffers_;  // of each group's matrices, else undefined
};

}  // namespace vit::train
