// Optimisers over parameter groups, with their state as named tensors for checkpoints.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vit/train/param_groups.h"

namespace vit::train {

/// What an optimiser goes by, beside groups and learning rate.
struct OptimizerSettings {
  double eps = 1e-8;
  double beta1 = 0.9;
  double beta2 = 0.999;
  bool fused = true;      ///< AdamW: LibTorch's fused kernel where the device has one
  double momentum = 0.9;  ///< of SGD and Muon
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

class Optimizer {
 public:
  explicit Optimizer(std::vector<ParamGroup> groups) : groups_(std::move(groups)) {}
  virtual ~Optimizer() = default;

  /// One step with the gradients that are there, at learning rate `lr` times each group's lr_scale.
  /// Parameters without a gradient are left alone.
  void step(double lr);
  /// Gradients are dropped, not filled with zeros.
  void zero_grad();
  const std::vector<ParamGroup>& groups() const { return groups_; }
  /// All gradients that are there, in the groups' order.
  std::vector<at::Tensor> gradients() const;

  /// The optimiser's own tensors, e.g. `exp_avg.head.weight`; to be restored, copied into.
  virtual NamedTensors state() const = 0;

 protected:
  /// Once a step, before its groups.
  virtual void begin_step() {}
  /// `indices`: which of the group's parameters have a gradient.
  virtual void step_group(std::size_t group, const std::vector<std::size_t>& indices,
                          double lr) = 0;

  std::vector<ParamGroup> groups_;
};

/// What torch.optim and timm.optim (1.0.31) take where nothing is given. Throws UsageError for an
/// unknown name.
OptimizerSettings default_settings(const std::string& name);

/// `adamw`: torch.optim.AdamW; `sgd`: torch.optim.SGD with Nesterov's momentum; `momentum`: without
/// Nesterov's; `lamb`, `lion`, `muon`: timm's. Throws UsageError for an unknown name.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, std::vector<ParamGroup> groups,
                                          const OptimizerSettings& settings);

/// Scales `gradients` so that the norm of all of them together is at most `max_norm`; returns the
/// norm before. torch.nn.utils.clip_grad_norm_.
double clip_grad_norm(const std::vector<at::Tensor>& gradients, double max_norm);

}  // namespace vit::train
