#include "vit/core/isa.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <array>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace vit {
namespace {

constexpr std::array<std::pair<Isa, std::string_view>, 6> kIsaNames{{{Isa::kPortable, "portable"},
                                                                     {Isa::kAvx2, "avx2"},
                                                                     {Isa::kAvx512, "avx512"},
                                                                     {Isa::kVnni, "avx512_vnni"},
                                                                     {Isa::kBf16, "avx512_bf16"},
                                                                     {Isa::kAmx, "amx"}}};

#if defined(__x86_64__)
/// Tiles of bytes and of bfloat16 (CPUID leaf 7), which older compilers have no name for.
bool has_tiles() {
  constexpr unsigned kAmxBf16 = 1U << 22U, kAmxTile = 1U << 24U, kAmxInt8 = 1U << 25U;
  constexpr unsigned kAll = kAmxBf16 | kAmxTile | kAmxInt8;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAll) == kAll;
}

/// Linux gives a process the tiles' registers when it asks for them.
bool ask_for_tiles() {
#if defined(__linux__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

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
  if (!avx512) return isas;
  isas.push_back(Isa::kAvx512);
  if (__builtin_cpu_supports("avx512vnni") == 0) return isas;
  isas.push_back(Isa::kVnni);
  if (__builtin_cpu_supports("avx512bf16") == 0) return isas;
  isas.push_back(Isa::kBf16);
  if (has_tiles() && ask_for_tiles()) isas.push_back(Isa::kAmx);
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
