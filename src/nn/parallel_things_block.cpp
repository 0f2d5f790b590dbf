#include "vit/nn/parallel_things_block.h"

#include "vit/nn/drop_path.h"
#include "vit/nn/layer_scale.h"

namespace vit::nn {
namespace {

constexpr int kParallel = 2;

torch::Tensor sum_of_branches(torch::nn::Sequential& branches, const torch::Tensor& x) {
  torch::Tensor sum;
  for (std::size_t i = 0; i < branches->size(); ++i) {
    auto out = branches->at<ParallelBranchImpl>(i).forward(x);
    sum = sum.defined() ? sum + out : out;
  }
  return sum;
}

}  // namespace

ParallelBranchImpl::ParallelBranchImpl(const BlockOptions& options, const NormFactory& norm_layer,
                                       const std::string& name, LayerPtr layer_,
                                       const torch::TensorOptions& tensor_options) {
  norm = register_module<Layer>("norm", norm_layer(options.dim(), tensor_options));
  layer = register_module<Layer>(name, std::move(layer_));
  ls = register_module<Layer>(
      "ls", make_layer_scale(options.dim(), options.init_values(), tensor_options));
  drop_path = register_module<Layer>("drop_path", make_drop_path(options.drop_path_ratio()));
}

torch::Tensor ParallelBranchImpl::forward(const torch::Tensor& x) {
  return drop_path->forward(ls->forward(layer->forward(norm->forward(x))));
}

ParallelThingsBlockImpl::ParallelThingsBlockImpl(const BlockOptions& options_,
                                                 const NormFactory& norm_layer,
                                                 const LayerPtr& act_layer,
                                                 const torch::TensorOptions& tensor_options)
    : options(options_) {
  attns = register_module("attns", torch::nn::Sequential());
  ffns = register_module("ffns", torch::nn::Sequential());
  for (int i = 0; i < kParallel; ++i) {
    attns->push_back(ParallelBranch(options, norm_layer, "attn",
                                    make_block_attention(options, norm_layer, tensor_options),
                                    tensor_options));
    ffns->push_back(ParallelBranch(options, norm_layer, "mlp",
                                   make_block_mlp(options, norm_layer, act_layer, tensor_options),
                                   tensor_options));
  }
}

torch::Tensor ParallelThingsBlockImpl::forward(const torch::Tensor& x) {
  auto y = x + sum_of_branches(attns, x);  // [B, N, dim]
  return y + sum_of_branches(ffns, y);     // [B, N, dim]
}

torch::Tensor ParallelThingsBlockImpl::attention_weights(const torch::Tensor& x) {
  std::vector<torch::Tensor> weights;
  for (std::size_t i = 0; i < attns->size(); ++i) {
    auto& branch = attns->at<ParallelBranchImpl>(i);
    auto& attention = dynamic_cast<AttendingLayer&>(*branch.layer);
    weights.push_back(attention.attention_weights(branch.norm->forward(x)));
  }
  return at::cat(weights, 1);
}

}  // namespace vit::nn
