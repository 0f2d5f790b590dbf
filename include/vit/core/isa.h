// Instruction-set levels. A kernel takes its level as an argument, so that tests run every level
// that the machine has.
#pragma once

#include <string_view>
#include <vector>

namespace vit {

/// In rising order: a machine that has a level has those before it.
enum class Isa {
  kPortable,  ///< what every build may use: x86-64-v2
  kAvx2,      ///< AVX2 and FMA
  kAvx512,    ///< AVX-512 F, BW, CD, DQ and VL
  kVnni,      ///< and AVX512_VNNI: sums of products of 8-bit integers
  kBf16,      ///< and AVX512_BF16: sums of products of bfloat16
  kAmx,       ///< and AMX's tiles, for both
};

/// The levels of this machine (processor and operating system), kPortable first. Asked once.
const std::vector<Isa>& supported_isas();

/// The best of supported_isas().
Isa detect_isa();

/// `portable`, `avx2`, `avx512`, `avx512_vnni`, `avx512_bf16` or `amx`.
std::string_view isa_name(Isa isa);

}  // namespace vit
