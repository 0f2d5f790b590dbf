// libFuzzer's entry; one program a target (VIT_FUZZ_TARGET).
#include <cstdint>

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto read = vit::fuzz::find_target(VIT_FUZZ_TARGET);
  read(std::as_bytes(std::span(data, size)));
  return 0;
}
