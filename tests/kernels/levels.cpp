#include "kernels/levels.h"

#include <cmath>
#include <iostream>

#include "kernels/activation/loops.h"
#include "kernels/attention/loops.h"
#include "kernels/gemm/loops.h"
#include "kernels/norm/loops.h"
#include "kernels/vector/portable.h"
#include "vit/core/random.h"

namespace vit::kernels {
namespace {

using Wide = portable::VectorOf<16, 8>;

Level real_level(Isa isa) {
  return {std::string(isa_name(isa)),
          isa,
          [=](const GemmCall& call) { gemm(isa, call); },
          [=](const float* x, std::int64_t ld, const PackedRows& out, int begin, int end) {
            pack_rows(isa, x, ld, out, begin, end);
          },
          [=](const NormCall& call, int begin, int end) { norm(isa, call, begin, end); },
          [=](const AttentionCall& call, int head, int begin, int end) {
            attention(isa, call, head, begin, end);
          },
          [=](Activation activation, const float* x, std::int64_t count, float* out) {
            activate(isa, activation, x, count, out);
          }};
}

}  // namespace

const std::vector<Level>& levels() {
  static const auto all = [] {
    std::vector<Level> found;
    for (const auto isa : supported_isas())
      if (isa <= Isa::kAvx512) found.push_back(real_level(isa));
    found.push_back({"avx512_shape", Isa::kAvx512, run_gemm<Wide>, run_pack_rows<Wide>,
                     run_norm<Wide>, run_attention<Wide>, run_activation<Wide>});
    return found;
  }();
  return all;
}

std::vector<float> normals(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = static_cast<float>(random.normal());
  return values;
}

double reference_activation(Activation activation, double x) {
  const auto sigmoid = [](double y) { return 1.0 / (1.0 + std::exp(-y)); };
  switch (activation) {
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kQuickGelu:
      return x * sigmoid(1.702 * x);
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kSigmoid:
      return sigmoid(x);
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::kIdentity:
      break;
  }
  return x;
}

TEST(KernelLevels, NamesThoseThatThisMachineCannotRun) {
  for (const auto isa :
       {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kVnni, Isa::kBf16, Isa::kAmx}) {
    const auto& isas = supported_isas();
    if (std::find(isas.begin(), isas.end(), isa) != isas.end()) continue;
    std::cout << "not run on this machine: " << isa_name(isa) << "\n";
    RecordProperty("not_run_" + std::string(isa_name(isa)), "the processor lacks it");
  }
}

}  // namespace vit::kernels
