// In which ways this machine's engine computes.
#pragma once

#include <vector>

#include "vit/core/isa.h"
#include "vit/engine/precision.h"

namespace vit::engine {

struct Way {
  Isa isa = Isa::kPortable;
  Precision precision = Precision::kFp32;
};

/// Every level with every precision that computes there in a way of its own.
inline std::vector<Way> ways() {
  std::vector<Way> found;
  for (const auto isa : supported_isas())
    for (const auto precision :
         {Precision::kFp32, Precision::kFp32x3, Precision::kBf16, Precision::kInt8}) {
      const bool there = precision != Precision::kFp32x3 || isa >= Isa::kAmx;
      if (there && level_of(precision, isa) == isa) found.push_back({isa, precision});
    }
  return found;
}

}  // namespace vit::engine
