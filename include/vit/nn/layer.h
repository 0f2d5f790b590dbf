// What a layer is here: one tensor in, one tensor out, built on any device without random draws.
#pragma once

#include <ATen/core/Generator.h>
#include <torch/nn/module.h>

#include <functional>
#include <memory>

namespace vit::nn {

/// A module with one input and one output. Whatever a caller puts in place of an embedding, a norm
/// or an activation derives from it.
class Layer : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;

  /// Draws the initial values of this layer's own parameters, and of its children's where they
  /// differ from what such children have elsewhere; without gradients (`init_layers`).
  virtual void reset_parameters(const at::Generator& generator);
};
using LayerPtr = std::shared_ptr<Layer>;

/// A layer in which tokens attend to one another, x: [B, N, dim] → [B, N, dim].
class AttendingLayer : public Layer {
 public:
  /// What each token takes from each, for the input x: [B, N, dim] → [B, num_heads, N, N].
  virtual torch::Tensor attention_weights(const torch::Tensor& x) = 0;
};
using AttendingLayerPtr = std::shared_ptr<AttendingLayer>;

/// Makes a norm over the last dimension, of size `dim`.
using NormFactory = std::function<LayerPtr(std::int64_t dim, const torch::TensorOptions&)>;

/// Image to tokens: [B, in_c, H, W] → [B, num_patches, embed_dim].
class EmbedLayer : public Layer {
 public:
  virtual std::int64_t num_patches() const = 0;
};
using EmbedLayerPtr = std::shared_ptr<EmbedLayer>;

struct PatchEmbedOptions;
using EmbedFactory = std::function<EmbedLayerPtr(const PatchEmbedOptions&, const NormFactory&,
                                                 const torch::TensorOptions&)>;

}  // namespace vit::nn
