// What the model sees of an image when it is used: timm's evaluation transform, to the last bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vit/core/preprocessing.h"
#include "vit/core/visit.h"
#include "vit/data/image.h"
#include "vit/data/resize.h"

namespace vit::data {

/// 8-bit pixels to the model's floats: divided by 255, minus the mean, divided by std, in float32
/// and in that order (torchvision's ToTensor and Normalize).
class Normalize {
 public:
  /// One value serves all channels. Throws DataError where the counts do not fit `channels` or a
  /// std is not positive.
  Normalize(const std::vector<double>& mean, const std::vector<double>& std, std::int64_t channels);

  /// `image` to `chw` `[C, H, W]`, red first; a grey image fills every channel. Throws DataError
  /// where a colour image meets another count of channels than 3, or `chw` has another size.
  void operator()(const ImageView& image, std::span<float> chw) const;

 private:
  std::vector<float> table_;  // [C, 256]
  std::int64_t channels_;
};

/// Equals `timm.data.create_transform(**timm.data.resolve_data_config(...))` (timm 1.0.31) on
/// Pillow images. Safe to call from several threads at once.
class EvalTransform {
 public:
  /// `size` is the model's input; images come with 1 or 3 channels, as the model has them.
  /// Throws DataError on values that cannot be.
  EvalTransform(const Preprocessing& preprocessing, Size2d size, std::int64_t channels);

  /// Writes the model's input `[channels, size[0], size[1]]`. An image of any channel order gives
  /// what its file would: alpha is dropped, grey fills all channels, and a model of one channel
  /// sees Pillow's `convert('L')`. Only the pixels that the model sees are read, and copied only
  /// where they are resized or turned grey. Throws DataError (check_image_view; no such size).
  void operator()(const ImageView& image, std::span<float> chw) const;
  /// The 8-bit image `[size[0], size[1], channels]` before normalisation, RGB or grey.
  Image crop(const ImageView& image) const;

  Size2d size() const { return size_; }
  std::int64_t channels() const { return channels_; }
  /// Floats of one output.
  std::int64_t numel() const { return channels_ * size_[0] * size_[1]; }

 private:
  enum class CropMode { kCenter, kSquash, kBorder };

  Size2d resized_size(const ImageView& image) const;
  /// What the model sees, in the order of `image`: a part of it, or of `memory`.
  ImageView show(ImageView image, Image& memory) const;
  /// `part` at `top`, `left` of a canvas of the model's size.
  Image padded(Image part, ChannelOrder order, std::int64_t top, std::int64_t left) const;

  CropMode mode_;
  Filter filter_;
  std::int64_t pillow_;
  Size2d size_;
  Size2d scale_size_;
  std::int64_t channels_;
  std::vector<std::uint8_t> fill_;  // what pads in `border`, a channel
  Normalize normalize_;
};

}  // namespace vit::data
