// A library for LD_PRELOAD: the program finds an older processor than the machine's, so that a
// level is timed beside peers that have no option for it. VIT_PROCESSOR names the newest level to
// be found, as vit::isa_name does: `avx2`, `avx512`, `avx512_vnni` or `avx512_bf16`.
//
// Linux (5.13) lets a process forbid itself the instruction CPUID (ARCH_SET_CPUID, inherited by
// threads and lost by exec, as this library is not); each one then ends in the handler below, which
// answers without the bits of newer levels. Exits with 2 where processor or value do not allow it.
#include <cpuid.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

/// Intel's Software Developer's Manual, volume 2A, CPUID: the registers of a leaf.
struct Answer {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

constexpr unsigned bits(std::initializer_list<unsigned> numbers) {
  unsigned sum = 0;
  for (const auto number : numbers) sum |= 1U << number;
  return sum;
}

// Leaf 7, sub-leaf 0: F, DQ, IFMA, PF, ER, CD, BW, VL; VBMI, VBMI2, BITALG, VPOPCNTDQ; 4VNNIW,
// 4FMAPS, VP2INTERSECT, FP16.
constexpr Answer kAvx512Bits{0, bits({16, 17, 21, 26, 27, 28, 30, 31}), bits({1, 6, 12, 14}),
                             bits({2, 3, 8, 23})};
constexpr unsigned kVnniBits = bits({11});                                      // leaf 7.0, ecx
constexpr unsigned kAmxBits = bits({22, 24, 25});                               // leaf 7.0, edx
constexpr unsigned kBf16Bits = bits({5});                                       // leaf 7.1, eax
constexpr unsigned kAmxFp16 = bits({21});                                       // leaf 7.1, eax
constexpr unsigned kAvxVnni = bits({4}), kAvxIfma = bits({23});                 // leaf 7.1, eax
constexpr unsigned kAvxVnniKinds = bits({4, 5, 10}), kAmxComplex = bits({8});   // leaf 7.1, edx
constexpr unsigned kAvx512State = bits({5, 6, 7}), kAmxState = bits({17, 18});  // leaf 13.0, eax

enum class Level { kAvx2, kAvx512, kVnni, kBf16 };

Level newest = Level::kAvx2;

Answer without_newer_levels(unsigned leaf, unsigned sub_leaf, Answer answer) {
  if (leaf == 7 && sub_leaf == 0) {
    answer.edx &= ~kAmxBits;
    if (newest < Level::kVnni) answer.ecx &= ~kVnniBits;
    if (newest < Level::kAvx512) {
      answer.ebx &= ~kAvx512Bits.ebx;
      answer.ecx &= ~kAvx512Bits.ecx;
      answer.edx &= ~kAvx512Bits.edx;
    }
  } else if (leaf == 7 && sub_leaf == 1) {
    answer.eax &= ~(kAmxFp16 | kAvxIfma);
    answer.edx &= ~(kAvxVnniKinds | kAmxComplex);
    if (newest < Level::kBf16) answer.eax &= ~kBf16Bits;
    if (newest < Level::kVnni) answer.eax &= ~kAvxVnni;
  } else if (leaf == 13 && sub_leaf == 0) {
    answer.eax &= ~kAmxState;
    if (newest < Level::kAvx512) answer.eax &= ~kAvx512State;
  }
  return answer;
}

bool allow_cpuid(bool allowed) {
  constexpr int kSetCpuid = 0x1012;  // ARCH_SET_CPUID
  return ::syscall(SYS_arch_prctl, kSetCpuid, allowed ? 1 : 0) == 0;
}

void answer_cpuid(int, siginfo_t*, void* context) {
  auto* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  constexpr unsigned char kCpuid[] = {0x0f, 0xa2};
  if (std::memcmp(reinterpret_cast<const void*>(registers[REG_RIP]), kCpuid, sizeof kCpuid) != 0) {
    std::signal(SIGSEGV, SIG_DFL);  // a fault of the program itself: it happens again
    return;
  }
  const auto leaf = static_cast<unsigned>(registers[REG_RAX]);
  const auto sub_leaf = static_cast<unsigned>(registers[REG_RCX]);
  Answer answer;
  allow_cpuid(true);
  __cpuid_count(leaf, sub_leaf, answer.eax, answer.ebx, answer.ecx, answer.edx);
  allow_cpuid(false);
  answer = without_newer_levels(leaf, sub_leaf, answer);
  registers[REG_RAX] = answer.eax;
  registers[REG_RBX] = answer.ebx;
  registers[REG_RCX] = answer.ecx;
  registers[REG_RDX] = answer.edx;
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
  if (::sigaction(SIGSEGV, &action, nullptr) != 0 || !allow_cpuid(false))
    refuse("expected a processor and a kernel that can forbid CPUID\n");
}

}  // namespace
