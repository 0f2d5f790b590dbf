// Image operations of timm's augmentation policies, pixel by pixel what Pillow computes.
//
// Sources: Pillow 13 (ImageOps, ImageEnhance, ImageFilter, libImaging), called as
// timm/data/auto_augment.py (1.0.31) and torchvision's transforms on Pillow images call it.
#pragma once

#include <array>
#include <cstdint>

#include "vit/data/image.h"
#include "vit/data/resize.h"

namespace vit::data::augment {

/// What each operation does, and what its argument means.
enum class Op {
  kAutoContrast,  ///< each channel stretched to 0 … 255; no argument
  kEqualize,      ///< histogram of each channel made even; no argument
  kInvert,        ///< 255 − value; no argument
  kPosterize,     ///< keeps this many high bits, 1 to 8, of each value; from 8 on: unchanged
  kSolarize,      ///< values at or above the argument (0 to 256) are inverted
  kSolarizeAdd,   ///< the argument is added to values below 128, up to 255
  kBrightness,    ///< factor: 0 is black, 1 unchanged
  kContrast,      ///< factor: 0 is the mean grey, 1 unchanged
  kColor,         ///< factor of saturation: 0 is grey, 1 unchanged
  kSharpness,     ///< factor: 0 is smoothed by 3×3, 1 unchanged, 2 sharpened
  kHue,           ///< −0.5 to 0.5 of the colour circle, in HSV of 8 bits
  kGrayscale,     ///< every channel the luma (ITU-R 601); no argument
  kGaussianBlur,  ///< standard deviation in pixels, as three extended box blurs
  kRotate,        ///< degrees, counter-clockwise about the centre
  kShearX,        ///< columns per row
  kShearY,        ///< rows per column
  kTranslateX,    ///< pixels to the left; fractions are resampled
  kTranslateY,    ///< pixels up
};

/// How rotations, shears and translations look at an image.
struct Canvas {
  std::array<std::uint8_t, 3> fill{128, 128, 128};  ///< what shows where the image does not reach
  Filter filter = Filter::kBicubic;                 ///< nearest, bilinear or bicubic
};

/// Applies one operation with its argument fixed to an image of 1 or 3 channels, in place. What
/// needs colour (kColor, kHue, kGrayscale) leaves a grey image as it is, as Pillow does. Throws
/// UsageError on an argument that is not finite or cannot be, and on another filter.
void apply(Image& image, Op op, double argument, const Canvas& canvas = {});

/// Whether the operation looks at `Canvas`.
bool is_geometric(Op op);

/// Pillow's `image.transform(size, AFFINE, matrix, filter, fillcolor)`: pixel (x, y) of the result
/// shows (m0·x + m1·y + m2, m3·x + m4·y + m5) of the image.
Image affine(const Image& image, const std::array<double, 6>& matrix, const Canvas& canvas);

/// Pillow's `Image.blend(low, high, alpha)`, written over `high`; both of one shape.
void blend(const Image& low, Image& high, float alpha);

/// torchvision's `gaussian_blur` of a Pillow image: a kernel of `size`² taps (odd) over reflected
/// edges, in float32. Throws UsageError where the image is not larger than half the kernel.
void gaussian_kernel_blur(Image& image, std::int64_t size, double sigma);

}  // namespace vit::data::augment
