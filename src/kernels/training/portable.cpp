#include "kernels/vector/portable.h"

#include "kernels/training/loops.h"

namespace vit::kernels::portable {

void norm_backward(const NormBackward& call, std::int64_t rows) {
  run_norm_backward<Vector>(call, rows);
}

void gelu_backward(const float* x, std::int64_t count, float* y, float* dy, bool near) {
  run_gelu_backward<Vector>(x, count, y, dy, near);
}

void softmax_backward(const SoftmaxBackward& call) { run_softmax_backward<Vector>(call); }

void add_column_sums(const float* x, std::int64_t ld, std::int64_t rows, std::int64_t columns,
                     float* sums) {
  run_add_column_sums<Vector>(x, ld, rows, columns, sums);
}

void add_scaled(const float* x, const float* y, float factor, std::int64_t count, float* out) {
  run_add_scaled<Vector>(x, y, factor, count, out);
}

void narrow_to_bf16(const float* x, std::int64_t count, std::uint16_t* out) {
  run_narrow_to_bf16<Vector>(x, count, out);
}

void widen_bf16(const std::uint16_t* x, std::int64_t count, float* out) {
  run_widen_bf16<Vector>(x, count, out);
}

}  // namespace vit::kernels::portable
