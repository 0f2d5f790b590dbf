#include "vit/core/isa.h"

#include <array>
#include <utility>

namespace vit {
namespace {

constexpr std::array<std::pair<Isa, std::string_view>, 3> kIsaNames{
    {{Isa::kPortable, "portable"}, {Isa::kAvx2, "avx2"}, {Isa::kAvx512, "avx512"}}};

/// The compiler's run-time checks ask the operating system too whether it saves the registers.
std::vector<Isa> find_isas() {
  std::vector<Isa> isas{Isa::kPortable};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") == 0 || __builtin_cpu_supports("fma") == 0) return isas;
  isas.push_back(Isa::kAvx2);
  const bool avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0;
  if (avx512) isas.push_back(Isa::kAvx512);
#endif
  return isas;
}

}  // namespace

const std::vector<Isa>& supported_isas() {
  static const std::vector<Isa> isas = find_isas();
  return isas;
}

Isa detect_isa() { return supported_isas().back(); }

std::string_view isa_name(Isa isa) {
  for (const auto& [level, name] : kIsaNames)
    if (level == isa) return name;
  return "unknown";
}

}  // namespace vit
