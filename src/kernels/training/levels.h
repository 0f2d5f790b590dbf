// The kernels of training by level; each is compiled with the flags of its level.
#pragma once

#include "vit/kernels/training.h"

namespace vit::kernels {

#define VIT_TRAINING_LEVEL(level)                                                                \
  namespace level {                                                                              \
  void norm_backward(const NormBackward& call, std::int64_t rows);                               \
  void gelu_backward(const float* x, std::int64_t count, float* y, float* dy, bool near);        \
  void softmax_backward(const SoftmaxBackward& call);                                            \
  void add_column_sums(const float* x, std::int64_t ld, std::int64_t rows, std::int64_t columns, \
                       float* sums);                                                             \
  void add_scaled(const float* x, const float* y, float factor, std::int64_t count, float* out); \
  void narrow_to_bf16(const float* x, std::int64_t count, std::uint16_t* out);                   \
  void widen_bf16(const std::uint16_t* x, std::int64_t count, float* out);                       \
  }
VIT_TRAINING_LEVEL(portable)
VIT_TRAINING_LEVEL(avx2)
VIT_TRAINING_LEVEL(avx512)
#undef VIT_TRAINING_LEVEL

}  // namespace vit::kernels
