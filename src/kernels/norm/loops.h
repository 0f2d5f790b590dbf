// Norms over any level's vector.
#pragma once

#include "kernels/gemm/narrow_rows.h"
#include "kernels/gemm/tile.h"
#include "kernels/norm/levels.h"
#include "kernels/vector/inline.h"

namespace vit::kernels {

template <class V>
struct NormLoops {
  using Reg = typename V::Reg;

  const NormCall& call;

  /// What is taken off a row and what it is multiplied by.
  struct Scale {
    float mean = 0.0F;
    float factor = 0.0F;
  };

  /// Column k and those after it, zero beyond the row's end.
  VIT_INLINE Reg load(const float* x, int k) const {
    const int left = call.cols - k;
    if (left >= V::kWidth) return V::load(x + k);
    float lanes[V::kWidth];
    for (int i = 0; i < V::kWidth; ++i) lanes[i] = i < left ? x[k + i] : 0.0F;
    return V::load(lanes);
  }

  /// Sums side by side, so that no addition waits for the one before.
  static constexpr int kSums = 4;

  /// Of a row. `add(sum, values, left)` adds a vector, whose values from `left` on are not the
  /// row's.
  template <class Add>
  VIT_INLINE float mean_over(const float* x, const Add& add) const {
    Reg sums[kSums];
    VIT_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = V::zero();
    int k = 0;
    for (; k + kSums * V::kWidth <= call.cols; k += kSums * V::kWidth) VIT_UNROLL
    for (int i = 0; i < kSums; ++i)
      sums[i] = add(sums[i], V::load(x + k + i * V::kWidth), V::kWidth);
    for (; k < call.cols; k += V::kWidth) sums[0] = add(sums[0], load(x, k), call.cols - k);
    const Reg sum = V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3]));
    return V::sum(sum) / static_cast<float>(call.cols);
  }

  VIT_INLINE float mean_of(const float* x) const {
    return mean_over(x, [](Reg sum, Reg value, int /*left*/) { return V::add(sum, value); });
  }

  VIT_INLINE float mean_square(const float* x, float mean) const {
    const Reg m = V::set1(mean);
    return mean_over(x, [m](Reg sum, Reg value, int left) {
      Reg d = V::sub(value, m);
      if (left < V::kWidth) d = V::keep(d, left);
      return V::fma(d, d, sum);
    });
  }

  VIT_INLINE Scale scale_of(const float* x) const {
    Scale scale;
    if (!call.rms) scale.mean = mean_of(x);
    scale.factor = 1.0F / __builtin_sqrtf(mean_square(x, scale.mean) + call.eps);
    return scale;
  }

  /// The normalised columns k …, zero beyond the row's end.
  VIT_INLINE Reg normalised(const float* x, int k, const Scale& scale) const {
    const Reg factor = V::set1(scale.factor), from_mean = V::sub(load(x, k), V::set1(scale.mean));
    const Reg gain = call.gain != nullptr ? V::mul(V::load(call.gain + k), factor) : factor;
    const Reg bias = call.bias != nullptr ? V::load(call.bias + k) : V::zero();
    const Reg y = V::fma(from_mean, gain, bias);
    return k + V::kWidth <= call.cols ? y : V::keep(y, call.cols - k);
  }

  void write_packed(int row_begin, int row_end) const {
    for (int t = row_begin / V::kRows; t * V::kRows < row_end; ++t) {
      const float* x[V::kRows];
      Scale scales[V::kRows];
      for (int r = 0; r < V::kRows; ++r) {
        const int row = t * V::kRows + r;
        x[r] = row < row_end ? call.x + row * call.ld : nullptr;
        if (x[r] != nullptr) scales[r] = scale_of(x[r]);
      }
      for (int k = 0; k < call.packed.k; k += V::kWidth) {
        Reg y[V::kRows];
        for (int r = 0; r < V::kRows; ++r)
          y[r] = x[r] != nullptr && k < call.cols ? normalised(x[r], k, scales[r]) : V::zero();
        V::store_columns(y, packed_at<V>(call.packed, t, k));
      }
    }
  }

  void write_narrow(int row_begin, int row_end) const {
    // A copy: stores of bytes may change anything, so that what is not the function's own is read
    // again after each.
    const NormCall own = call;
    const NormLoops loops{own};
    for (int row = row_begin; row < row_end; ++row) {
      const float* x = own.x + row * own.ld;
      const Scale scale = loops.scale_of(x);
      put_narrow_row<V>(own.packed, row, own.cols,
                        [&](int k) { return loops.normalised(x, k, scale); });
    }
  }

  void write_rows(int row_begin, int row_end) const {
    for (std::int64_t row = row_begin; row < row_end; ++row)
      for (int g = 0; g < call.groups; ++g) {
        const float* x = call.x + row * call.ld + g * call.cols;
        const auto offset = row * call.rows_ld + g * call.cols;
        const Scale scale = scale_of(x);
        for (int k = 0; k < call.cols; k += V::kWidth) {
          float lanes[V::kWidth];
          V::store(lanes, normalised(x, k, scale));
          for (int i = 0; i < V::kWidth && k + i < call.cols; ++i) {
            const float add = call.addend != nullptr ? call.addend[offset + k + i] : 0.0F;
            call.rows[offset + k + i] = lanes[i] + add;
          }
        }
      }
  }
};

template <class V>
void run_norm(const NormCall& call, int row_begin, int row_end) {
  const NormLoops<V> loops{call};
  if (call.packed.data != nullptr && call.packed.format != RowFormat::kFloat32)
    loops.write_narrow(row_begin, row_end);
  else if (call.packed.data != nullptr)
    loops.write_packed(row_begin, row_end);
  else
    loops.write_rows(row_begin, row_end);
}

}  // namespace vit::kernels
