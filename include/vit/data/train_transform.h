// What the model sees of a picture while it learns: timm's random crops, flips and erasing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vit/core/preprocessing.h"
#include "vit/core/random.h"
#include "vit/core/visit.h"
#include "vit/data/eval_transform.h"
#include "vit/data/image.h"

namespace vit::data {

/// timm's names and, but for `shift`, timm's defaults (`create_transform`, 1.0.31).
struct TrainTransformOptions {
  /// `rrc`: random resized crop; `rkrc`, `rkrr`: resize with random scale and aspect, then a centre
  /// or random crop or pad, reflecting; `shift`: resize to the size if need be, pad by `padding`
  /// zeros, crop at random; `none`: as in evaluation.
  std::string crop_mode = "rrc";
  std::vector<double> scale;  ///< of the area; empty: (.08, 1) for rrc, (.8, 1) for rkrc and rkrr
  std::vector<double> ratio;  ///< aspect; empty: (3/4, 4/3) for rrc, (.9, 1/.9) for rkrc and rkrr
  std::int64_t padding = 2;   ///< pixels on each side, for `shift`
  std::string interpolation = "random";  ///< a filter, or `random`: bilinear or bicubic
  double hflip = 0.5;                    ///< probability of mirroring
  double re_prob = 0.0;                  ///< probability of random erasing
  std::string re_mode = "const";         ///< const (zeros), rand (a colour), pixel (noise)
  std::int64_t re_count = 1;             ///< at most this many regions
};

template <class Visitor>
void visit(TrainTransformOptions& o, Visitor&& v) {
  v("crop_mode", o.crop_mode);
  v("scale", o.scale);
  v("ratio", o.ratio);
  v("padding", o.padding);
  v("interpolation", o.interpolation);
  v("hflip", o.hflip);
  v("re_prob", o.re_prob);
  v("re_mode", o.re_mode);
  v("re_count", o.re_count);
}

/// Safe to call from several threads at once: all randomness comes from the generator given.
class TrainTransform {
 public:
  /// Throws UsageError on options that cannot be, DataError on such preprocessing.
  TrainTransform(TrainTransformOptions options, const Preprocessing& preprocessing, Size2d size,
                 std::int64_t channels);

  /// Writes the model's input `[channels, size[0], size[1]]`.
  void operator()(const Image& image, Random& random, std::span<float> chw) const;
  /// The 8-bit picture `[size[0], size[1], C]` before normalisation and erasing.
  Image crop(const Image& image, Random& random) const;

 private:
  Filter pick_filter(Random& random) const;
  /// timm's `RandomErasing`.
  void erase(Random& random, std::span<float> chw) const;
  void fill_region(const Region& region, Random& random, std::span<float> chw) const;

  TrainTransformOptions options_;
  EvalTransform eval_;
  Normalize normalize_;
  Size2d size_;
  std::int64_t channels_;
  std::int64_t pillow_;
};

/// Where timm's `RandomResizedCropAndInterpolation.get_params` would crop.
Region random_resized_crop(std::int64_t height, std::int64_t width,
                           const std::vector<double>& scale, const std::vector<double>& ratio,
                           Random& random);

}  // namespace vit::data
