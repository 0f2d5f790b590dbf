// What the model sees of an image while it learns: timm's random crops, flips, colours and erasing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vit/core/arg.h"
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
struct AugmentOptions {
  /// `rrc`: random resized crop; `rkrc`, `rkrr`: resize with random scale and aspect, then a centre
  /// or random crop or pad, reflecting; `src`: DeiT III's simple random crop, the smaller side
  /// resized to the size, padded by 4 reflected pixels, cropped at random; `shift`: resize to the
  /// size if need be, pad by `padding` zeros, crop at random; `none`: as in evaluation.
  VIT_ARG(std::string, crop_mode) = "rrc";
  /// Of the area; empty: (.08, 1) for rrc, (.8, 1) for rkrc and rkrr.
  VIT_ARG(std::vector<double>, scale);
  /// Aspect; empty: (3/4, 4/3) for rrc, (.9, 1/.9) for rkrc and rkrr.
  VIT_ARG(std::vector<double>, ratio);
  VIT_ARG(std::int64_t, padding) = 2;              ///< pixels on each side, for `shift`
  VIT_ARG(std::string, interpolation) = "random";  ///< a filter, or `random`: bilinear or bicubic
  VIT_ARG(double, hflip) = 0.5;                    ///< probability of mirroring
  VIT_ARG(double, vflip) = 0.0;                    ///< probability of turning upside down
  VIT_ARG(std::string, aa);              ///< a policy: see augment::parse_policy; empty: none
  VIT_ARG(bool, three_augment) = false;  ///< DeiT III's: solarized, grey or blurred, one of them
  /// See augment::ColorJitter; as in timm, not with a policy other than 3a; empty: none.
  VIT_ARG(std::vector<double>, color_jitter);
  VIT_ARG(std::optional<double>, color_jitter_prob);  ///< null: always
  VIT_ARG(double, grayscale_prob) = 0.0;
  VIT_ARG(double, gaussian_blur_prob) = 0.0;  ///< of a blur by a kernel of 23², sigma 0.1 to 2
  VIT_ARG(double, re_prob) = 0.0;             ///< probability of random erasing
  VIT_ARG(std::string, re_mode) = "const";    ///< const (zeros), rand (a colour), pixel (noise)
  VIT_ARG(std::int64_t, re_count) = 1;        ///< at most this many regions
};

template <class Visitor>
void visit(AugmentOptions& o, Visitor&& v) {
  const auto probability = [](const char* help, const char* timm) {
    return Field{.help = help, .low = 0, .high = 1, .timm = timm};
  };
  v("aa", o.aa(),
    Field{.help = "rand-m9-mstd0.5-inc1, original, originalr, v0, v0r, 3a, augmix-m5, …; none",
          .timm = "aa"});
  v("three_augment", o.three_augment(), Field{.help = "Solarized, grey or blurred: as `aa` 3a"});
  v("color_jitter", o.color_jitter(),
    Field{.help = "Brightness, contrast, saturation: one value or three; a fourth: hue. Not with "
                  "other `aa`",
          .timm = "color_jitter"});
  v("color_jitter_prob", o.color_jitter_prob(),
    probability("Probability of it; default: always", "color_jitter_prob"));
  v("grayscale_prob", o.grayscale_prob(),
    probability("Probability of losing all colour", "grayscale_prob"));
  v("gaussian_blur_prob", o.gaussian_blur_prob(),
    probability("Probability of a blur", "gaussian_blur_prob"));
  v("hflip", o.hflip(), probability("Probability of mirroring", "hflip"));
  v("vflip", o.vflip(), probability("Probability of turning upside down", "vflip"));
  v("crop_mode", o.crop_mode(),
    Field{.help = "rrc, rkrc, rkrr, src, shift or none",
          .names = {"rrc", "rkrc", "rkrr", "src", "shift", "none"},
          .timm = "train_crop_mode"});
  v("scale", o.scale(),
    Field{.help = "Of the area cropped: low high",
          .low = 0,
          .high = 1000,
          .above_low = true,
          .timm = "scale"});
  v("ratio", o.ratio(),
    Field{.help = "Of its sides: low high",
          .low = 0,
          .high = 1000,
          .above_low = true,
          .timm = "ratio"});
  v("padding", o.padding(), Field{.help = "`crop_mode` shift: pixels", .low = 0, .high = 1000});
  v("train_interpolation", o.interpolation(),
    Field{.help = "bilinear, bicubic, random, …",
          .names = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "random"},
          .timm = "train_interpolation"});
  v("reprob", o.re_prob(), probability("Probability of random erasing", "reprob"));
  v("remode", o.re_mode(),
    Field{.help = "const, rand or pixel", .names = {"const", "rand", "pixel"}, .timm = "remode"});
  v("recount", o.re_count(),
    Field{.help = "At most this many regions", .low = 1, .high = 100, .timm = "recount"});
}

/// Throws UsageError for the first value that cannot be: its field, what was expected and found.
void check_options(const AugmentOptions& options);

/// Safe to call from several threads at once: all randomness comes from the generator given.
class TrainTransform {
 public:
  /// Throws UsageError on options that cannot be, DataError on such preprocessing.
  TrainTransform(AugmentOptions options, const Preprocessing& preprocessing, Size2d size,
                 std::int64_t channels);

  /// Writes the model's input `[channels, size[0], size[1]]`.
  void operator()(const Image& image, Random& random, std::span<float> chw) const;
  /// The 8-bit image `[size[0], size[1], C]` before normalisation and erasing.
  Image crop(const Image& image, Random& random) const;

 private:
  Filter pick_filter(Random& random) const;
  void make_augmentation(const Preprocessing& preprocessing);
  Image cut_out(const Image& image, Random& random) const;
  /// Flips, the policy, jitter, grey, blur.
  void change(Image& image, Random& random) const;
  /// timm's `RandomErasing`.
  void erase(Random& random, std::span<float> chw) const;
  void fill_region(const Region& region, Random& random, std::span<float> chw) const;

  AugmentOptions options_;
  EvalTransform eval_;
  Normalize normalize_;
  Size2d size_;
  std::int64_t channels_;
  std::int64_t pillow_;
  std::optional<augment::AutoAugment> policy_;
  std::optional<augment::ColorJitter> jitter_;
};

/// Where timm's `RandomResizedCropAndInterpolation.get_params` would crop.
Region random_resized_crop(std::int64_t height, std::int64_t width,
                           const std::vector<double>& scale, const std::vector<double>& ratio,
                           Random& random);

}  // namespace vit::data
