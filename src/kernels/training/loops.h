// The kernels of training over any level's vector.
#pragma once

#include "kernels/training/levels.h"
#include "kernels/vector/math.h"

namespace vit::kernels {

inline constexpr float kLog2OfE = 1.44269504088896341F;

template <class V>
struct NormBackwardLoops {
  using Reg = typename V::Reg;

  const NormBackward& call;

  VIT_INLINE float mean(const float* x) const {
    Reg a = V::zero();
    for (int k = 0; k < call.cols; k += V::kWidth) a = V::add(a, V::load(x + k));
    return V::sum(a) / static_cast<float>(call.cols);
  }

  VIT_INLINE float inverse_deviation(const float* x, float mean) const {
    const Reg m = V::set1(mean);
    Reg a = V::zero();
    for (int k = 0; k < call.cols; k += V::kWidth) {
      const Reg d = V::sub(V::load(x + k), m);
      a = V::fma(d, d, a);
    }
    return 1.0F / __builtin_sqrtf(V::sum(a) / static_cast<float>(call.cols) + call.eps);
  }

  /// dx = factor (g − mean(g) − z mean(g z)), z: normalised x, g = gain · dy.
  void run_row(std::int64_t row) const {
    const auto first = row * call.cols;
    const float *x = call.x + first, *dy = call.dy + first, *addend = call.addend + first;
    float *dx = call.dx + first, *y = call.y + first;
    const float mean_of_x = mean(x), inverse = inverse_deviation(x, mean_of_x);
    const Reg m = V::set1(mean_of_x), factor = V::set1(inverse);
    Reg sum = V::zero(), product = V::zero();
    for (int k = 0; k < call.cols; k += V::kWidth) {
      const Reg z = V::mul(V::sub(V::load(x + k), m), factor), d = V::load(dy + k);
      const Reg gain = V::load(call.gain + k), g = V::mul(d, gain);
      V::store(y + k, V::fma(z, gain, V::load(call.bias + k)));
      sum = V::add(sum, g);
      product = V::fma(g, z, product);
      V::store(call.dgain + k, V::fma(d, z, V::load(call.dgain + k)));
      V::store(call.dbias + k, V::add(V::load(call.dbias + k), d));
    }
    const auto columns = static_cast<float>(call.cols);
    const Reg mean_of_g = V::set1(V::sum(sum) / columns),
              mean_of_gz = V::set1(V::sum(product) / columns);
    for (int k = 0; k < call.cols; k += V::kWidth) {
      const Reg z = V::mul(V::sub(V::load(x + k), m), factor);
      const Reg g = V::mul(V::load(dy + k), V::load(call.gain + k));
      const Reg inner = V::sub(V::sub(g, mean_of_g), V::mul(z, mean_of_gz));
      V::store(dx + k, V::fma(factor, inner, V::load(addend + k)));
    }
  }
};

template <class V>
void run_norm_backward(const NormBackward& call, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row) NormBackwardLoops<V>{call}.run_row(row);
}

template <class V, bool Near>
void gelu_backward_all(const float* x, std::int64_t count, float* y, float* dy) {
  const auto half = V::set1(0.5F), root = V::set1(0.3989422804014327F);  // 1 / √(2 π)
  for (std::int64_t i = 0; i < count; i += V::kWidth) {
    const auto v = V::load(x + i), power = V::mul(V::mul(v, v), V::set1(-0.5F * kLog2OfE));
    typename V::Reg cdf, pdf;
    if constexpr (Near) {
      cdf = near_normal_cdf<V>(v);
      pdf = V::mul(near_exp2<V>(power), root);
    } else {
      cdf = V::fma(erf_of_x_over_sqrt2<V>(v), half, half);
      pdf = V::mul(exp2<V>(power), root);
    }
    V::store(y + i, V::mul(v, cdf));
    V::store(dy + i, V::mul(V::load(dy + i), V::fma(v, pdf, cdf)));
  }
}

template <class V>
void run_gelu_backward(const float* x, std::int64_t count, float* y, float* dy, bool near) {
  if (near)
    gelu_backward_all<V, true>(x, count, y, dy);
  else
    gelu_backward_all<V, false>(x, count, y, dy);
}

/// A vector of queries at a time, key by key.
template <class V>
void run_softmax_backward(const SoftmaxBackward& call) {
  using Reg = typename V::Reg;
  const Reg scale = V::set1(call.scale), factor = V::set1(call.scale * kLog2OfE);
  for (std::int64_t q = 0; q < call.ld; q += V::kWidth) {
    float *scores = call.scores + q, *dweights = call.dweights + q;
    const int there = static_cast<int>(call.queries - q);
    Reg most = V::mul(V::load(scores), factor);
    for (std::int64_t k = 1; k < call.keys; ++k)
      most = V::max(most, V::mul(V::load(scores + k * call.ld), factor));
    Reg total = V::zero(), product = V::zero();
    for (std::int64_t k = 0; k < call.keys; ++k) {
      float* at = scores + k * call.ld;
      const Reg e = exp2<V>(V::sub(V::mul(V::load(at), factor), most));
      total = V::add(total, e);
      product = V::fma(e, V::load(dweights + k * call.ld), product);
      V::store(at, e);
    }
    // Columns beyond the queries: weights of zero.
    const Reg inverse = V::keep(V::div(V::set1(1.0F), total), there > 0 ? there : 0);
    const Reg mean = V::mul(product, inverse);
    for (std::int64_t k = 0; k < call.keys; ++k) {
      float *at = scores + k * call.ld, *d = dweights + k * call.ld;
      const Reg weight = V::mul(V::load(at), inverse);
      V::store(at, weight);
      V::store(d, V::mul(V::mul(weight, scale), V::sub(V::load(d), mean)));
    }
  }
}

template <class V>
void run_add_column_sums(const float* x, std::int64_t ld, std::int64_t rows, std::int64_t columns,
                         float* sums) {
  constexpr int kVectors = kPadding / V::kWidth;
  for (std::int64_t c = 0; c < columns; c += kPadding) {
    typename V::Reg total[kVectors];
    VIT_UNROLL
    for (int j = 0; j < kVectors; ++j) total[j] = V::load(sums + c + j * V::kWidth);
    for (std::int64_t r = 0; r < rows; ++r) VIT_UNROLL
    for (int j = 0; j < kVectors; ++j)
      total[j] = V::add(total[j], V::load(x + r * ld + c + j * V::kWidth));
    VIT_UNROLL
    for (int j = 0; j < kVectors; ++j) V::store(sums + c + j * V::kWidth, total[j]);
  }
}

template <class V>
void run_add_scaled(const float* x, const float* y, float factor, std::int64_t count, float* out) {
  const auto f = V::set1(factor);
  for (std::int64_t i = 0; i < count; i += V::kWidth) {
    const auto product = V::mul(f, V::load(y + i));
    V::store(out + i, x != nullptr ? V::add(V::load(x + i), product) : product);
  }
}

template <class V>
void run_narrow_to_bf16(const float* x, std::int64_t count, std::uint16_t* out) {
  for (std::int64_t i = 0; i < count; i += V::kWidth)
    V::store_bf16(out + i, V::to_bf16(V::load(x + i)));
}

template <class V>
void run_widen_bf16(const std::uint16_t* x, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; i += V::kWidth) V::store(out + i, V::load_bf16(x + i));
}

}  // namespace vit::kernels
