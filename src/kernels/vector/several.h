// Several vectors that go through the same arithmetic side by side. The instructions of one vector
// wait for each other; those of the others fill that time, over a longer stretch than the processor
// reorders by itself.
#pragma once

#include "kernels/vector/inline.h"

namespace vit::kernels {

/// N vectors of V as one, with what math.h calls.
template <class V, int N>
struct Several {
  struct Reg {
    typename V::Reg of[N];
  };

  static VIT_INLINE Reg all(typename V::Reg x) {
    return each([&](int) { return x; });
  }
  static VIT_INLINE Reg set1(float x) { return all(V::set1(x)); }
  static VIT_INLINE Reg zero() { return all(V::zero()); }
  static VIT_INLINE Reg add(const Reg& a, const Reg& b) {
    return each([&](int i) { return V::add(a.of[i], b.of[i]); });
  }
  static VIT_INLINE Reg sub(const Reg& a, const Reg& b) {
    return each([&](int i) { return V::sub(a.of[i], b.of[i]); });
  }
  static VIT_INLINE Reg mul(const Reg& a, const Reg& b) {
    return each([&](int i) { return V::mul(a.of[i], b.of[i]); });
  }
  static VIT_INLINE Reg div(const Reg& a, const Reg& b) {
    return each([&](int i) { return V::div(a.of[i], b.of[i]); });
  }
  static VIT_INLINE Reg fma(const Reg& a, const Reg& b, const Reg& c) {
    return each([&](int i) { return V::fma(a.of[i], b.of[i], c.of[i]); });
  }
  static VIT_INLINE Reg max(const Reg& a, const Reg& b) {
    return each([&](int i) { return V::max(a.of[i], b.of[i]); });
  }
  static VIT_INLINE Reg min(const Reg& a, const Reg& b) {
    return each([&](int i) { return V::min(a.of[i], b.of[i]); });
  }
  static VIT_INLINE Reg abs(const Reg& a) {
    return each([&](int i) { return V::abs(a.of[i]); });
  }
  static VIT_INLINE Reg copysign(const Reg& a, const Reg& b) {
    return each([&](int i) { return V::copysign(a.of[i], b.of[i]); });
  }
  static VIT_INLINE Reg where_less(const Reg& a, const Reg& b, const Reg& x, const Reg& y) {
    return each([&](int i) { return V::where_less(a.of[i], b.of[i], x.of[i], y.of[i]); });
  }
  static VIT_INLINE Reg scale_exponent(const Reg& p, const Reg& n) {
    return each([&](int i) { return V::scale_exponent(p.of[i], n.of[i]); });
  }

  /// f(i) of each vector i.
  template <class F>
  static VIT_INLINE Reg each(const F& f) {
    Reg result;
    VIT_UNROLL
    for (int i = 0; i < N; ++i) result.of[i] = f(i);
    return result;
  }
};

}  // namespace vit::kernels
