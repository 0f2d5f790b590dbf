// The pieces of open_inputs that read: images shown, tensor files opened.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "vit/infer/inputs.h"
#include "vit/io/byte_range.h"

namespace vit::infer {

/// An image through `transform` into `chw`, and its 8-bit form into `cropped` where asked for.
/// Throws DataError, which `name` opens, where the transform cannot take it.
void show_image(const std::string& name, const ImageView& image,
                const data::EvalTransform& transform, std::span<float> chw, data::Image* cropped);

/// The rows of a `.npy` or `.safetensors` file.
class TensorRows {
 public:
  /// Throws DataError where it is not float32 [B, C, H, W] of `shape`, IoError.
  TensorRows(const std::string& file, const std::array<std::int64_t, 3>& shape);
  std::optional<Input> next();

 private:
  std::string file_;
  io::ByteRange rows_;  // float32 [B, C, H, W], contiguous: a row is read when its turn comes
  std::int64_t count_ = 0;
  std::int64_t index_ = 0;
};

bool is_tensor_file(const std::string& file);

}  // namespace vit::infer
