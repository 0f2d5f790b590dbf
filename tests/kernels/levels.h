// The levels that the tests of products, norms, attention and activations run on.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "vit/core/isa.h"
#include "vit/kernels/activation.h"
#include "vit/kernels/attention.h"
#include "vit/kernels/gemm.h"
#include "vit/kernels/norm.h"

namespace vit::kernels {

struct Level {
  std::string name;
  Isa isa = Isa::kPortable;  ///< whose shapes it has
  std::function<void(const GemmCall&)> gemm;
  std::function<void(const float*, std::int64_t, const PackedRows&, int, int)> pack_rows;
  std::function<void(const NormCall&, int, int)> norm;
  std::function<void(const AttentionCall&, int, int, int)> attention;
  std::function<void(Activation, const float*, std::int64_t, float*)> activate;
};

/// Every level that the machine has, and AVX-512's loops and shapes over plain vectors of sixteen
/// floats: where there is no AVX-512 only its wrapper of intrinsics is untested.
const std::vector<Level>& levels();

class KernelTest : public testing::TestWithParam<Level> {};

inline std::string level_name(const testing::TestParamInfo<Level>& info) { return info.param.name; }

#define VIT_EACH_LEVEL(suite) \
  INSTANTIATE_TEST_SUITE_P(Levels, suite, testing::ValuesIn(levels()), level_name)

/// Standard normal numbers that depend on `seed` alone.
std::vector<float> normals(std::int64_t count, std::uint64_t seed);

/// The activation in double precision, as PyTorch defines it.
double reference_activation(Activation activation, double x);

}  // namespace vit::kernels
