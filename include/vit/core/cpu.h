// What the processor can do, asked once.
#pragma once

namespace vit {

struct CpuFeatures {
  bool avx2 = false;
};

/// The features of this machine.
inline const CpuFeatures& cpu_features() {
  static const CpuFeatures features{.avx2 = __builtin_cpu_supports("avx2") != 0};
  return features;
}

}  // namespace vit
