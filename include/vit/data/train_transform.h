// What the model sees of an image while it learns: timm's random crops, flips, colours and erasing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vit/core/preprocessing.h"
#include "vit/core/random.h"
#include "vit/core/visit.h"
#include "vit/data/augment/color_jitter.h"
#include "vit/data/augment/policy.h"
#include "vit/data/eval_transform.h"
#include "vit/data/image.h"

namespace vit::data {

/// timm's names and, but for `shift` and `color_jitter`, timm's defaults (`create_transform`,
/// 1.0.31).
struct TrainTransformOptions {
  /// `rrc`: random resized crop; `rkrc`, `rkrr`: resize with random scale and aspect, then a centre
  /// or random crop or pad, reflecting; `src`: DeiT III's simple random crop, the smaller side
  /// resized to the size, padded by 4 reflected pixels, cropped at random; `shift`: resize to the
  /// size if need be, pad by `padding` zeros, crop at random; `none`: as in evaluation.
  std::string crop_mode = "rrc";
  std::vector<double> scale;  ///< of the area; empty: (.08, 1) for rrc, (.8, 1) for rkrc and rkrr
  std::vector<double> ratio;  ///< aspect; empty: (3/4, 4/3) for rrc, (.9, 1/.9) for rkrc and rkrr
  std::int64_t padding = 2;   ///< pixels on each side, for `shift`
  std::string interpolation = "random";  ///< a filter, or `random`: bilinear or bicubic
  double hflip = 0.5;                    ///< probability of mirroring
  double vflip = 0.0;                    ///< probability of turning upside down
  std::string aa;                        ///< a policy: see augment::parse_policy; empty: none
  bool three_augment = false;            ///< DeiT III's: solarized, grey or blurred, one of them
  std::vector<double> color_jitter;  ///< see augment::ColorJitter; as in timm, not with a policy
                                     ///< other than 3a; empty: none
  std::optional<double> color_jitter_prob;  ///< null: always
  double grayscale_prob = 0.0;
  double gaussian_blur_prob = 0.0;  ///< of a blur by a kernel of 23², sigma 0.1 to 2
  double re_prob = 0.0;             ///< probability of random erasing
  std::string re_mode = "const";    ///< const (zeros), rand (a colour), pixel (noise)
  std::int64_t re_count = 1;        ///< at most this many regions
};

template <class Visitor>
void visit(TrainTransformOptions& o, Visitor&& v) {
  v("crop_mode", o.crop_mode);
  v("scale", o.scale);
  v("ratio", o.ratio);
  v("padding", o.padding);
  v("interpolation", o.interpolation);
  v("hflip", o.hflip);
  v("vflip", o.vflip);
  v("aa", o.aa);
  v("three_augment", o.three_augment);
  v("color_jitter", o.color_jitter);
  v("color_jitter_prob", o.color_jitter_prob);
  v("grayscale_prob", o.grayscale_prob);
  v("gaussian_blur_prob", o.gaussian_blur_prob);
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
  /// The 8-bit image `[size[0], size[1], C]` before normalisation and erasing.
  Image crop(const Image& image, Random& random) const;
  /// Sections of `aa` that timm passes over in silence.
  const std::vector<std::string>& ignored_sections() const { return ignored_; }

 private:
  Filter pick_filter(Random& random) const;
  void make_augmentation(const Preprocessing& preprocessing);
  Image cut_out(const Image& image, Random& random) const;
  /// Flips, the policy, jitter, grey, blur.
  void change(Image& image, Random& random) const;
  /// timm's `RandomErasing`.
  void erase(Random& random, std::span<float> chw) const;
  void fill_region(const Region& region, Random& random, std::span<float> chw) const;

  TrainTransformOptions options_;
  EvalTransform eval_;
  Normalize normalize_;
  Size2d size_;
  std::int64_t channels_;
  std::int64_t pillow_;
  std::optional<augment::AutoAugment> policy_;
  std::optional<augment::ColorJitter> jitter_;
  std::vector<std::string> ignored_;
};

/// Where timm's `RandomResizedCropAndInterpolation.get_params` would crop.
Region random_resized_crop(std::int64_t height, std::int64_t width,
                           const std::vector<double>& scale, const std::vector<double>& ratio,
                           Random& random);

}  // namespace vit::data
