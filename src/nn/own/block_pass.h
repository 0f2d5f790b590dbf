// One pass of a Block over a batch, in chunks of whole images that stay in a core's cache from the
// first norm to the last sum; each thread takes its share of the images.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "products.h"

namespace vit::nn::own {

struct BlockShape {
  std::int64_t images = 0, tokens = 0, dim = 0, hidden = 0;
  int heads = 0;
  float scale = 0.0F;  ///< of attention's scores

  std::int64_t head_dim() const { return dim / heads; }
};

/// The parameters in the order of their names in a Block.
enum Parameter {
  kGain1,
  kBias1,
  kQkv,
  kQkvBias,
  kProj,
  kProjBias,
  kGain2,
  kBias2,
  kFc1,
  kFc1Bias,
  kFc2,
  kFc2Bias,
  kParameters
};

/// The layers' shapes [out, in]; of vectors [1, size].
std::array<std::int64_t, 2> shape_of(Parameter parameter, const BlockShape& shape);

/// What one pass reads and writes. Rows are [images · tokens, columns], one after the other.
struct BlockTensors {
  std::array<const float*, kParameters> parameters{};  ///< biases of linear layers may be null
  float eps1 = 0.0F, eps2 = 0.0F;
  const float* drop1 = nullptr;  ///< [images], factor of a residual branch; or null
  const float* drop2 = nullptr;
  const float* x = nullptr;
  float* middle = nullptr;  ///< the sum after attention; forward it may be `out`
  float* out = nullptr;     ///< of the forward pass
  /// What the backward pass needs of the forward pass, in bfloat16 where products are: queries,
  /// keys and values; the heads' outputs; the hidden layer before its activation. Null: not kept.
  void *qkv = nullptr, *heads = nullptr, *hidden = nullptr;

  const float* dout = nullptr;  ///< of the backward pass, as the following
  float* dx = nullptr;
  std::array<float*, kParameters> gradients{};
};

/// The memory of one thread.
struct ThreadMemory {
  ThreadMemory(Isa isa, kernels::WeightFormat format) : products(isa, format) {}

  Products products;
  Floats qkv, heads, branch, hidden, activated, normed, dqkv, dheads, dhidden, drows, dmiddle;
  Floats dy, scores, dweights, attention, gradients;
};

class BlockPass {
 public:
  BlockPass(Isa isa, kernels::WeightFormat format) : isa_(isa), format_(format) {}

  void forward(const BlockShape& shape, const BlockTensors& tensors, int threads);
  void backward(const BlockShape& shape, const BlockTensors& tensors, int threads);

  /// Whether `qkv`, `heads` and `hidden` are kept in bfloat16.
  bool keeps_bf16() const { return format_ == kernels::WeightFormat::kBf16; }

 private:
  struct Weight {
    kernels::PackedWeight packed;
    Floats values, bias;
  };
  struct Chunk;  ///< images of one thread that are worked on together
  using Gradients = std::array<float*, kParameters>;

  void begin(const BlockShape& shape, const BlockTensors& tensors, int threads);
  template <class F>
  void on_threads(const F& f);
  Chunk chunk_of(std::int64_t begin, std::int64_t end, bool first, ThreadMemory& memory,
                 const Gradients& gradients) const;
  /// Each on the thread that is free first: what comes of them may not depend on it.
  template <class F>
  void for_each_chunk(const F& f);
  /// Each thread's one after the other, always the same: their gradients are summed in that order.
  template <class F>
  void for_each_chunk_in_order(const F& f);
  void pack_weights(bool transposed);
  void forward_chunk(const Chunk& chunk) const;
  void backward_chunk(const Chunk& chunk) const;
  void backward_mlp(const Chunk& chunk, const float* dout) const;
  void backward_attention(const Chunk& chunk, const float* dmiddle) const;
  void attend(const Chunk& chunk, const float* qkv, float* heads) const;
  void attend_backward(const Chunk& chunk, const float* qkv, const float* dheads,
                       float* dqkv) const;
  void attend_backward_in_bf16(const Chunk& chunk, const float* dheads, float* dqkv) const;
  void add_branch(const Chunk& chunk, const kernels::PackedRows& left, const Weight& weight,
                  const float* drop, const float* x, float* out) const;
  /// Writes dx and adds to the gradients of gain and bias; returns what the norm gave, [rows, dim].
  const float* backward_norm(const Chunk& chunk, Parameter gain, Parameter bias, float eps,
                             const float* x, const float* dy, const float* addend, float* dx) const;
  kernels::PackedRows backward_linear(const Chunk& chunk, Parameter parameter, const Weight& weight,
                                      const float* dy, float* dx) const;
  void add_weight_gradient(const Chunk& chunk, Parameter parameter, const kernels::PackedRows& dy,
                           const float* x) const;
  const float* dropped(const Chunk& chunk, const float* drop, const float* dy) const;
  void keep_rows(void* kept, std::int64_t first, std::int64_t columns,
                 kernels::Epilogue& epilogue) const;
  const float* read_kept(const void* kept, Floats& scratch, std::int64_t first,
                         std::int64_t count) const;
  Gradients thread_gradients(int thread);
  void add_gradients_of_threads();

  Isa isa_;
  kernels::WeightFormat format_;
  BlockShape shape_;
  BlockTensors tensors_;
  int threads_ = 1;  ///< that have images
  Weight qkv_, proj_, fc1_, fc2_;
  std::vector<ThreadMemory> memory_;
};

}  // namespace vit::nn::own
