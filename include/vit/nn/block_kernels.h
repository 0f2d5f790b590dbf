// A Block's forward and backward pass by our own kernels (vit/kernels) in place of LibTorch's
// operators.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "vit/core/isa.h"

namespace vit::nn {

class BlockImpl;

/// How matrix products of float32 are made.
enum class MatmulPrecision {
  kHighest,  ///< in float32; with AMX as six products of bfloat16, whose sums are as exact
  kHigh,     ///< as three products of bfloat16, where the processor has AMX
};

/// What blocks that are given the same one share: the level of instructions and memory for what
/// is at work. One forward or backward pass at a time.
class BlockKernels {
 public:
  explicit BlockKernels(Isa isa = detect_isa(),
                        MatmulPrecision precision = MatmulPrecision::kHighest);
  ~BlockKernels();
  BlockKernels(const BlockKernels&) = delete;
  BlockKernels& operator=(const BlockKernels&) = delete;

  /// block(x), x: [B, N, dim] → the same; with its gradient where one may be asked for. Products
  /// are made in bfloat16 under autocast to it, else in float32 as `precision` says. Undefined
  /// where the block has parts for which there are no kernels (another attention, MLP, norm or
  /// activation, dropout at work, LayerScale, updates of LoRA), for tensors that are not float32 on
  /// a CPU, float16, and widths that are no multiples of 16: then LibTorch's operators are to do
  /// it. The same bits for the same threads.
  at::Tensor forward(const BlockImpl& block, const at::Tensor& x);

  /// Whether there are kernels for its parts, as its modes are now.
  static bool serve(const BlockImpl& block);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

/// Hands `kernels` to every Block of `module`; null: back to LibTorch's operators.
void set_block_kernels(torch::nn::Module& module, const std::shared_ptr<BlockKernels>& kernels);

}  // namespace vit::nn
