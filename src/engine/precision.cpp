#include "vit/engine/precision.h"

#include <algorithm>
#include <utility>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

constexpr std::pair<std::string_view, Precision> kPrecisions[] = {{"fp32", Precision::kFp32},
                                                                  {"fp32x3", Precision::kFp32x3},
                                                                  {"bf16", Precision::kBf16},
                                                                  {"int8", Precision::kInt8}};

}  // namespace

std::optional<Precision> parse_precision(const std::string& text) {
  if (text == "auto") return std::nullopt;
  for (const auto& [name, precision] : kPrecisions)
    if (text == name) return precision;
  throw UsageError(
      "precision: the packed engine runs in auto, fp32, fp32x3, bf16 or int8, found '{}' "
      "(fp16: engine modules)",
      text);
}

std::string_view precision_name(Precision precision) {
  for (const auto& [name, known] : kPrecisions)
    if (known == precision) return name;
  return "unknown";
}

Precision resolve_precision(std::optional<Precision> wanted, bool int8_file, Isa isa) {
  if (wanted == Precision::kFp32x3 && isa < Isa::kAmx) return Precision::kFp32;
  return wanted.value_or(int8_file ? Precision::kInt8 : Precision::kFp32);
}

Isa level_of(Precision precision, Isa isa, bool low_memory) {
  switch (precision) {
    case Precision::kFp32x3:
    case Precision::kInt8:
      return isa;
    case Precision::kBf16:
      return isa >= Isa::kBf16 ? isa : std::min(isa, Isa::kAvx512);
    case Precision::kFp32:
      if (isa >= Isa::kAmx && !low_memory) return isa;
      break;
  }
  return std::min(isa, Isa::kAvx512);
}

}  // namespace vit::engine
