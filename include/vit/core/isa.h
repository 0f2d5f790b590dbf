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
};

/// The levels of this machine (processor and operating system), kPortable first. Asked once.
const std::vector<Isa>& supported_isas();

/// The best of supported_isas().
Isa detect_isa();

/// `portable`, `avx2` or `avx512`.
std::string_view isa_name(Isa isa);

}  // namespace vit
