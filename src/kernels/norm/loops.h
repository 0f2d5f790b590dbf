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

  /// Two sums side by side.
  VIT_INLINE float mean_of(const float* x) const {
    Reg a = V::zero(), b = V::zero();
    int k = 0;
    for (; k + 2 * V::kWidth <= call.cols; k += 2 * V::kWidth) {
      a = V::add(a, V::load(x + k));
      b = V::add(b, V::load(x + k + V::kWidth));
    }
    for (; k < call.cols; k += V::kWidth) a = V::add(a, load(x, k));
    return V::sum(V::add(a, b)) / static_cast<float>(call.cols);
  }

  VIT_INLINE float mean_square(const float* x, float mean) const {
    const Reg m = V::set1(mean);
    Reg a = V::zero(), b = V::zero();
    int k = 0;
    for (; k + 2 * V::kWidth <= call.cols; k += 2 * V::kWidth) {
      const Reg first = V::sub(V::load(x + k), m), second = V::sub(V::load(x + k + V::kWidth), m);
      a = V::fma(first, first, a);
      b = V::fma(second, second, b);
    }
    for (; k < call.cols; k += V::kWidth) {
      const Reg d = V::keep(V::sub(load(x, k), m), call.cols - k);
      a = V::fma(d, d, a);
    }
    return V::sum(V::add(a, b)) / static_cast<float>(call.cols);
  }

  VIT_INLINE Scale scale_of(const float* x) const {
    Scale scale;
    if (!call.rms) scale.mean = mean_of(x);
    scale.factor = 1.0F / __builtin_sqrtf(mean_square(x, scale.mean) + call.eps);
    return scale;
  }

  /// The normalised columns k …, zero beyond the row's end.
  VIT_INLINE Reg normalised(const float* x, int k, const Scale& scale) const {
    Reg y = V::mul(V::sub(load(x, k), V::set1(scale.mean)), V::set1(scale.factor));
    if (call.gain != nullptr) y = V::mul(y, V::load(call.gain + k));
    if (call.bias != nullptr) y = V::add(y, V::load(call.bias + k));
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
    for (int row = row_begin; row < row_end; ++row) {
      const float* x = call.x + row * call.ld;
      const Scale scale = scale_of(x);
      put_narrow_row<V>(call.packed, row, call.cols,
                        [&](int k) { return normalised(x, k, scale); });
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
