#include "vit/kernels/training.h"

#include "kernels/training/levels.h"

namespace vit::kernels {
namespace {

struct TrainingLevel {
  decltype(&portable::norm_backward) norm_backward;
  decltype(&portable::gelu_backward) gelu_backward;
  decltype(&portable::softmax_backward) softmax_backward;
  decltype(&portable::add_column_sums) add_column_sums;
  decltype(&portable::add_scaled) add_scaled;
  decltype(&portable::narrow_to_bf16) narrow_to_bf16;
  decltype(&portable::widen_bf16) widen_bf16;
};

#define VIT_TRAINING_FUNCTIONS(level)                                                            \
  {                                                                                              \
    level::norm_backward, level::gelu_backward, level::softmax_backward, level::add_column_sums, \
        level::add_scaled, level::narrow_to_bf16, level::widen_bf16                              \
  }

const TrainingLevel& training_level(Isa isa) {
  static constexpr TrainingLevel kPortableLevel = VIT_TRAINING_FUNCTIONS(portable);
  static constexpr TrainingLevel kAvx2Level = VIT_TRAINING_FUNCTIONS(avx2);
  static constexpr TrainingLevel kAvx512Level = VIT_TRAINING_FUNCTIONS(avx512);
  if (isa >= Isa::kAvx512) return kAvx512Level;
  return isa == Isa::kAvx2 ? kAvx2Level : kPortableLevel;
}

#undef VIT_TRAINING_FUNCTIONS

}  // namespace

void norm_backward(Isa isa, const NormBackward& call, std::int64_t rows) {
  training_level(isa).norm_backward(call, rows);
}

void gelu_backward(Isa isa, const float* x, std::int64_t count, float* y, float* dy, bool near) {
  training_level(isa).gelu_backward(x, count, y, dy, near);
}

void softmax_backward(Isa isa, const SoftmaxBackward& call) {
  training_level(isa).softmax_backward(call);
}

void add_column_sums(Isa isa, const float* x, std::int64_t ld, std::int64_t rows,
                     std::int64_t columns, float* sums) {
  training_level(isa).add_column_sums(x, ld, rows, columns, sums);
}

void add_scaled(Isa isa, const float* x, const float* y, float factor, std::int64_t count,
                float* out) {
  training_level(isa).add_scaled(x, y, factor, count, out);
}

void narrow_to_bf16(Isa isa, const float* x, std::int64_t count, std::uint16_t* out) {
  training_level(isa).narrow_to_bf16(x, count, out);
}

void widen_bf16(Isa isa, const std::uint16_t* x, std::int64_t count, float* out) {
  training_level(isa).widen_bf16(x, count, out);
}

}  // namespace vit::kernels
