// exp2, erf and the activations over any level's vector.
#pragma once

#include "kernels/vector/inline.h"
#include "vit/kernels/activation.h"

namespace vit::kernels {

/// 2^x for x in [-126, 127], relative error 1.1e-7; x beyond is cut to that range.
template <class V>
VIT_INLINE typename V::Reg exp2(typename V::Reg x) {
  x = V::min(V::max(x, V::set1(-126.0F)), V::set1(127.0F));
  const auto magic = V::set1(12582912.0F);  // 1.5 * 2^23: rounds to a whole number
  const auto n = V::add(x, magic);
  const auto f = V::sub(x, V::sub(n, magic));  // [-0.5, 0.5]
  auto p = V::set1(0.0001534580224F);
  p = V::fma(p, f, V::set1(0.00133999309F));
  p = V::fma(p, f, V::set1(0.009618489072F));
  p = V::fma(p, f, V::set1(0.05550328642F));
  p = V::fma(p, f, V::set1(0.2402264625F));
  p = V::fma(p, f, V::set1(0.6931471825F));
  p = V::fma(p, f, V::set1(1.0F));
  return V::scale_exponent(p, n);
}

/// The same with a relative error of 1e-4.
template <class V>
VIT_INLINE typename V::Reg near_exp2(typename V::Reg x) {
  x = V::min(V::max(x, V::set1(-126.0F)), V::set1(127.0F));
  const auto magic = V::set1(12582912.0F);
  const auto n = V::add(x, magic);
  const auto f = V::sub(x, V::sub(n, magic));
  auto p = V::set1(0.0555041F);
  p = V::fma(p, f, V::set1(0.2402265F));
  p = V::fma(p, f, V::set1(0.6931472F));
  p = V::fma(p, f, V::set1(1.0F));
  return V::scale_exponent(p, n);
}

template <class V>
VIT_INLINE typename V::Reg exp(typename V::Reg x) {
  return exp2<V>(V::mul(x, V::set1(1.44269504088896341F)));
}

/// x / (1 + e^-y): x times the sigmoid of y.
template <class V>
VIT_INLINE typename V::Reg times_sigmoid(typename V::Reg x, typename V::Reg y) {
  return V::div(x, V::add(V::set1(1.0F), exp<V>(V::sub(V::zero(), y))));
}

/// erf(x / √2), absolute error 2e-7: x P(x²) with P's least maximal error on |x| <= 5.2, where erf
/// rounds to 1 beyond. No division, and nothing cancels.
template <class V>
VIT_INLINE typename V::Reg erf_of_x_over_sqrt2(typename V::Reg x) {
  constexpr float kEnd = 5.2F;
  // In t = 2 x² / 5.2² - 1, lowest power first.
  constexpr float kErf[] = {0.27189997F,   -0.13548762F,   0.10005222F,   -0.07985079F,
                            0.06392465F,   -0.0495269F,    0.036267847F,  -0.02470672F,
                            0.01602018F,   -0.010134735F,  0.005324884F,  -0.0019570317F,
                            0.0012015204F, -0.0011245806F, 0.00040477933F};
  constexpr int kLast = sizeof kErf / sizeof *kErf - 1;
  const auto t = V::fma(V::mul(x, x), V::set1(2.0F / (kEnd * kEnd)), V::set1(-1.0F));
  auto p = V::set1(kErf[kLast]);
  VIT_UNROLL
  for (int i = kLast - 1; i >= 0; --i) p = V::fma(p, t, V::set1(kErf[i]));
  return V::where_less(V::abs(x), V::set1(kEnd), V::mul(p, x), V::copysign(V::set1(1.0F), x));
}

template <class V>
VIT_INLINE typename V::Reg tanh(typename V::Reg x) {
  const auto e = exp<V>(V::mul(V::set1(2.0F), V::abs(x)));
  const auto size = V::sub(V::set1(1.0F), V::div(V::set1(2.0F), V::add(e, V::set1(1.0F))));
  return V::copysign(size, x);
}

/// x tanh(ln(1 + e^x)) = x (e² + 2 e) / (e² + 2 e + 2), e = e^x.
template <class V>
VIT_INLINE typename V::Reg mish(typename V::Reg x) {
  const auto e = exp<V>(V::min(x, V::set1(20.0F)));  // beyond, the quotient is 1
  const auto n = V::mul(e, V::add(e, V::set1(2.0F)));
  return V::mul(x, V::div(n, V::add(n, V::set1(2.0F))));
}

/// Φ(x), the error of x Φ(x) at most 2e-4 · max(1, |x| / 8): where what comes of it is rounded to
/// bfloat16 or eight bits. Φ(x) - 1/2 is x P(x²) with P's least maximal error on |x| <= 4, and
/// constant beyond.
template <class V>
VIT_INLINE typename V::Reg near_normal_cdf(typename V::Reg x) {
  constexpr float kEnd = 4.0F;
  constexpr float kP[] = {0.3978833F,     -0.06457303F,    0.008772351F,  -0.00081400765F,
                          4.7954698e-05F, -1.5985603e-06F, 2.2780608e-08F};
  constexpr int kLast = sizeof kP / sizeof *kP - 1;
  const auto c = V::min(V::max(x, V::set1(-kEnd)), V::set1(kEnd)), s = V::mul(c, c);
  auto p = V::set1(kP[kLast]);
  VIT_UNROLL
  for (int i = kLast - 1; i >= 0; --i) p = V::fma(p, s, V::set1(kP[i]));
  return V::fma(p, c, V::set1(0.5F));
}

/// x Φ(x).
template <class V>
VIT_INLINE typename V::Reg near_gelu(typename V::Reg x) {
  return V::mul(x, near_normal_cdf<V>(x));
}

template <class V, Activation A>
VIT_INLINE typename V::Reg activate(typename V::Reg x) {
  const auto half = V::set1(0.5F);
  if constexpr (A == Activation::kGelu) {
    const auto h = V::mul(x, half);
    return V::fma(erf_of_x_over_sqrt2<V>(x), h, h);
  } else if constexpr (A == Activation::kGeluTanh) {
    // x (1 + tanh(u)) / 2 = x sigmoid(2 u)
    const auto cubic = V::fma(V::mul(x, x), V::set1(0.044715F), V::set1(1.0F));
    return times_sigmoid<V>(x, V::mul(V::mul(x, cubic), V::set1(1.5957691216057308F)));
  } else if constexpr (A == Activation::kQuickGelu) {
    return times_sigmoid<V>(x, V::mul(x, V::set1(1.702F)));
  } else if constexpr (A == Activation::kSilu) {
    return times_sigmoid<V>(x, x);
  } else if constexpr (A == Activation::kSigmoid) {
    return times_sigmoid<V>(V::set1(1.0F), x);
  } else if constexpr (A == Activation::kRelu) {
    return V::max(x, V::zero());
  } else if constexpr (A == Activation::kTanh) {
    return tanh<V>(x);
  } else if constexpr (A == Activation::kMish) {
    return mish<V>(x);
  } else {
    static_assert(A == Activation::kIdentity);
    return x;
  }
}

/// Calls `f.template operator()<A>()` for the activation's A.
template <class V, class F>
VIT_INLINE auto with_activation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::kGelu:
      return f.template operator()<Activation::kGelu>();
    case Activation::kGeluTanh:
      return f.template operator()<Activation::kGeluTanh>();
    case Activation::kQuickGelu:
      return f.template operator()<Activation::kQuickGelu>();
    case Activation::kSilu:
      return f.template operator()<Activation::kSilu>();
    case Activation::kSigmoid:
      return f.template operator()<Activation::kSigmoid>();
    case Activation::kRelu:
      return f.template operator()<Activation::kRelu>();
    case Activation::kTanh:
      return f.template operator()<Activation::kTanh>();
    case Activation::kMish:
      return f.template operator()<Activation::kMish>();
    case Activation::kIdentity:
      break;
  }
  return f.template operator()<Activation::kIdentity>();
}

}  // namespace vit::kernels
