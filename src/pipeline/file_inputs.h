// Tensor files as inputs.
#pragma once

#include <optional>
#include <string>

#include "vit/io/byte_range.h"
#include "vit/pipeline/inputs.h"

namespace vit::pipeline {

/// The rows of a `.npy` or `.safetensors` file.
class TensorRows {
 public:
  /// Throws DataError where it is not float32 [B, C, H, W] of `shape`, IoError.
  TensorRows(const std::string& file, const std::array<std::int64_t, 3>& shape);
  std::optional<data::Sample> next();

 private:
  std::string file_;
  io::ByteRange rows_;  // float32 [B, C, H, W], contiguous: a row is read when its turn comes
  std::int64_t count_ = 0;
  std::int64_t index_ = 0;
};

bool is_tensor_file(const std::string& file);

}  // namespace vit::pipeline
