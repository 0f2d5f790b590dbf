// A library for LD_PRELOAD: the program finds an older processor than the machine's, so that a
// level is timed beside peers that have no option for it. VIT_PROCESSOR names the newest level to
// be found, as vit::isa_name does: `avx2`, `avx512`, `avx512_vnni` or `avx512_bf16`.
//
// Linux (5.13) lets a process forbid itself the instruction CPUID (ARCH_SET_CPUID, inherited by
// threads and lost by exec, as this library is not); each one then ends in the handler below, which
// answers without the bits of newer levels. The program's own handlers of SIGSEGV are not
// installed. Exits with 2 where processor or value do not allow it.
#include <cpuid.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

// The C library's own, whose usual name this library takes.
extern "C" int __sigaction(int number, const struct sigaction* action, struct sigaction* before);

namespace {

enum class Level { kAvx2, kAvx512, kVnni, kBf16, kNewer };

/// Intel's Software Developer's Manual, volume 2A, CPUID: which bit of which register of a leaf
/// says that the processor has something, and the first level that may find it.
struct Feature {
  unsigned leaf, sub_leaf;
  int name;  ///< of the register in a ucontext_t
  unsigned bit;
  Level first;
};

constexpr Feature kFeatures[] = {
    {7, 0, REG_RBX, 16, Level::kAvx512},  // F
    {7, 0, REG_RBX, 17, Level::kAvx512},  // DQ
    {7, 0, REG_RBX, 28, Level::kAvx512},  // CD
    {7, 0, REG_RBX, 30, Level::kAvx512},  // BW
    {7, 0, REG_RBX, 31, Level::kAvx512},  // VL
    {7, 0, REG_RBX, 26, Level::kNewer},   // PF
    {7, 0, REG_RBX, 27, Level::kNewer},   // ER
    {7, 0, REG_RBX, 21, Level::kVnni},    // IFMA
    {7, 0, REG_RCX, 1, Level::kVnni},     // VBMI
    {7, 0, REG_RCX, 6, Level::kVnni},     // VBMI2
    {7, 0, REG_RCX, 11, Level::kVnni},    // VNNI
    {7, 0, REG_RCX, 12, Level::kVnni},    // BITALG
    {7, 0, REG_RCX, 14, Level::kVnni},    // VPOPCNTDQ
    {7, 0, REG_RDX, 2, Level::kNewer},    // 4VNNIW
    {7, 0, REG_RDX, 3, Level::kNewer},    // 4FMAPS
    {7, 0, REG_RDX, 8, Level::kNewer},    // VP2INTERSECT
    {7, 0, REG_RDX, 23, Level::kNewer},   // AVX512_FP16
    {7, 0, REG_RDX, 22, Level::kNewer},   // AMX_BF16
    {7, 0, REG_RDX, 24, Level::kNewer},   // AMX_TILE
    {7, 0, REG_RDX, 25, Level::kNewer},   // AMX_INT8
    {7, 1, REG_RAX, 5, Level::kBf16},     // AVX512_BF16
    {7, 1, REG_RAX, 4, Level::kNewer},    // AVX_VNNI
    {7, 1, REG_RAX, 21, Level::kNewer},   // AMX_FP16
    {7, 1, REG_RAX, 23, Level::kNewer},   // AVX_IFMA
    {7, 1, REG_RDX, 4, Level::kNewer},    // AVX_VNNI_INT8
    {7, 1, REG_RDX, 5, Level::kNewer},    // AVX_NE_CONVERT
    {7, 1, REG_RDX, 8, Level::kNewer},    // AMX_COMPLEX
    {7, 1, REG_RDX, 10, Level::kNewer},   // AVX_VNNI_INT16
    {7, 1, REG_RDX, 19, Level::kNewer},   // AVX10
    {13, 0, REG_RAX, 5, Level::kAvx512},  // state: mask registers
    {13, 0, REG_RAX, 6, Level::kAvx512},  // upper halves of the first 16 registers
    {13, 0, REG_RAX, 7, Level::kAvx512},  // the other 16
    {13, 0, REG_RAX, 17, Level::kNewer},  // tiles' configuration
    {13, 0, REG_RAX, 18, Level::kNewer},  // tiles
};

Level newest = Level::kAvx2;

bool allow_cpuid(bool allowed) {
  constexpr int kSetCpuid = 0x1012;  // ARCH_SET_CPUID
  return ::syscall(SYS_arch_prctl, kSetCpuid, allowed ? 1 : 0) == 0;
}

void answer_cpuid(int, siginfo_t*, void* context) {
  auto* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  constexpr unsigned char kCpuid[] = {0x0f, 0xa2};
  if (std::memcmp(reinterpret_cast<const void*>(registers[REG_RIP]), kCpuid, sizeof kCpuid) != 0) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    __sigaction(SIGSEGV, &action, nullptr);  // a fault of the program itself: it happens again
    return;
  }
  const auto leaf = static_cast<unsigned>(registers[REG_RAX]);
  const auto sub_leaf = static_cast<unsigned>(registers[REG_RCX]);
  unsigned a = 0, b = 0, c = 0, d = 0;
  allow_cpuid(true);
  __cpuid_count(leaf, sub_leaf, a, b, c, d);
  allow_cpuid(false);
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  for (const auto& feature : kFeatures)
    if (feature.leaf == leaf && feature.sub_leaf == sub_leaf && feature.first > newest)
      registers[feature.name] &= ~(greg_t{1} << feature.bit);
  registers[REG_RIP] += sizeof kCpuid;
}

[[noreturn]] void refuse(std::string_view reason) {
  constexpr std::string_view kName = "older_processor: error: ";
  (void)!::write(STDERR_FILENO, kName.data(), kName.size());
  (void)!::write(STDERR_FILENO, reason.data(), reason.size());
  std::_Exit(2);
}

/// The value of an environment variable; getenv does not work before the C library's initialiser.
std::string_view value_of(std::string_view name, char** environment) {
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  }
  return {};
}

// Before the initialisers of other libraries, which ask what the processor can do: the library is
// linked with -z initfirst.
__attribute__((constructor)) void become_older(int, char**, char** environment) {
  const auto level = value_of("VIT_PROCESSOR", environment);
  if (level == "avx2") {
    newest = Level::kAvx2;
  } else if (level == "avx512") {
    newest = Level::kAvx512;
  } else if (level == "avx512_vnni") {
    newest = Level::kVnni;
  } else if (level == "avx512_bf16") {
    newest = Level::kBf16;
  } else {
    refuse("VIT_PROCESSOR: expected avx2, avx512, avx512_vnni or avx512_bf16\n");
  }
  struct sigaction action {};
  action.sa_sigaction = answer_cpuid;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (__sigaction(SIGSEGV, &action, nullptr) != 0 || !allow_cpuid(false))
    refuse("expected a processor and a kernel that can forbid CPUID\n");
}

}  // namespace

// Compilers install handlers for their reports, and ask for the processor afterwards.
extern "C" int sigaction(int number, const struct sigaction* action, struct sigaction* before) {
  return __sigaction(number, number == SIGSEGV ? nullptr : action, before);
}

extern "C" sighandler_t signal(int number, sighandler_t handler) {
  struct sigaction action {
  }, before{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  return ::sigaction(number, &action, &before) == 0 ? before.sa_handler : SIG_ERR;
}
