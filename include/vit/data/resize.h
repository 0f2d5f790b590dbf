// Pillow's resize, byte for byte, and the plain geometry around it.
#pragma once

#include <cstdint>
#include <string>

#include "vit/core/visit.h"
#include "vit/data/image.h"
#include "vit/kernels/resize.h"

namespace vit::data {

/// Pillow's resampling filters; all but nearest widen with the reduction (antialias).
using Filter = kernels::ResizeFilter;

/// `nearest`, `box`, `bilinear`, `hamming`, `bicubic` or `lanczos`; else throws DataError.
Filter parse_filter(const std::string& name);

/// A rectangle in pixels; may reach beyond the image where a function says so.
struct Region {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

/// What these functions return has as many channels as `image`, in the same order.

/// Equals Pillow's `image.resize((width, height), filter)`. `pillow` (12 or 13) picks the order of
/// the two passes: up to 12 horizontal first; from 13 vertical first exactly when the height
/// shrinks, and by more than twice what the width shrinks. Throws DataError on a size below 1.
Image resize(const ImageView& image, std::int64_t height, std::int64_t width, Filter filter,
             std::int64_t pillow = 13);

/// `part` (inside the result) of what `resize` would give, at the cost of the part alone.
Image resize_part(const ImageView& image, std::int64_t height, std::int64_t width,
                  const Region& part, Filter filter, std::int64_t pillow = 13);

/// Crops to `region` (inside the image), then resizes: nothing outside the region is looked at,
/// as in torchvision's `resized_crop` on Pillow images.
Image resized_crop(const ImageView& image, const Region& region, std::int64_t height,
                   std::int64_t width, Filter filter, std::int64_t pillow = 13);

/// Pixels of `region`; where it reaches beyond the image they are 0, as Pillow's `crop` has it.
Image crop(const Image& image, const Region& region);

/// Copies `image` onto `canvas` (of as many channels) at `top`, `left`; what falls outside is lost.
void paste(Image& canvas, const Image& image, std::int64_t top, std::int64_t left);

/// Mirrored left to right, in place.
void flip_horizontal(Image& image);

/// Turned upside down, in place.
void flip_vertical(Image& image);

}  // namespace vit::data
