// The JSON of a safetensors file, without the meaning of its numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vit/io/safetensors.h"

namespace vit::io {

struct HeaderTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<HeaderTensor> tensors;
  Metadata metadata;
};

/// Names are unique, shapes are non-negative; nothing else about the numbers is checked.
/// Throws DataError, IoError.
SafetensorsHeader parse_safetensors_header(const ByteRange& text, const std::string& source);

}  // namespace vit::io
