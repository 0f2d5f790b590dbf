#pragma once

#include "kernels/activation/levels.h"
#include "kernels/vector/math.h"

namespace vit::kernels {

template <class V, Activation A>
void activate_all(const float* x, std::int64_t count, float* out) {
  std::int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) V::store(out + i, activate<V, A>(V::load(x + i)));
  if (i == count) return;
  float lanes[V::kWidth];
  for (int l = 0; l < V::kWidth; ++l) lanes[l] = i + l < count ? x[i + l] : 0.0F;
  V::store(lanes, activate<V, A>(V::load(lanes)));
  for (int l = 0; i + l < count; ++l) out[i + l] = lanes[l];
}

template <class V>
void run_activation(Activation activation, const float* x, std::int64_t count, float* out) {
  using Function = void (*)(const float*, std::int64_t, float*);
  const auto function =
      with_activation<V>(activation, []<Activation A>() -> Function { return activate_all<V, A>; });
  function(x, count, out);
}

}  // namespace vit::kernels
