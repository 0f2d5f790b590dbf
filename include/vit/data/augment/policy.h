// timm's augmentation policies: RandAugment, AutoAugment, 3-Augment, AugMix.
//
// Source: timm/data/auto_augment.py (1.0.31). The operations at fixed arguments are Pillow's bit
// for bit; the draws come from `Random`, so they differ from Python's in value, not in
// distribution.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vit/core/random.h"
#include "vit/data/augment/operations.h"
#include "vit/data/image.h"

namespace vit::data::augment {

/// An operation by timm's name (`SolarizeIncreasing`), how often and how strongly it is applied.
struct PolicyOp {
  std::string name;
  double prob = 0.5;
  double magnitude = 10;
};

/// Scales of translations: timm's `hparams`.
struct LevelOptions {
  double translate_const = 250;  ///< pixels of TranslateX, TranslateY at level 10
  double translate_pct = 0.45;   ///< of the side, of TranslateXRel, TranslateYRel at level 10
};

/// The argument of operation `name` at `level`: timm's `LEVEL_TO_ARG[name](level)[0]`, with
/// `negate` in place of its coin. 0 where the operation has no argument. Throws UsageError on an
/// unknown name.
double level_argument(const std::string& name, double level, bool negate,
                      const LevelOptions& options = {});

/// What a configuration string says.
struct Policy {
  enum class Kind { kRandAugment, kAutoAugment, kAugMix };

  Kind kind = Kind::kRandAugment;
  std::vector<std::vector<PolicyOp>> choices;  ///< one is drawn, its operations run in order
  std::vector<double> weights;  ///< of the choices, summing to 1; empty: equal, with repetition
  std::int64_t num_layers = 2;  ///< draws an image (RandAugment)
  double magnitude_std = 0;     ///< of the normal draw around the magnitude; infinity: uniform
  double magnitude_max = 10;    ///< magnitudes are clipped to 0 … this
  LevelOptions levels;
  std::int64_t width = 3;            ///< chains of AugMix
  std::int64_t depth = -1;           ///< operations in a chain; below 1: 1 to 3 at random
  double alpha = 1;                  ///< of the chains' Dirichlet and the image's Beta distribution
  bool blended = false;              ///< chains are blended into the image one after the other
  std::vector<std::string> ignored;  ///< sections without a number, which timm passes over
};

/// Reads `rand-m9-mstd0.5-inc1`, `original`, `originalr`, `v0`, `v0r` (with `-mstd0.5`), `3a`,
/// `augmix-m5-w4-d2` as timm's `transforms_imagenet_train` does; `image_size` is the smaller side
/// of the training image. Throws UsageError on what timm refuses.
Policy parse_policy(const std::string& config, std::int64_t image_size);

/// Applies a policy. Safe to call from several threads at once.
class AutoAugment {
 public:
  /// Without `filter` each geometric operation draws bilinear or bicubic. Throws UsageError on a
  /// filter that no image is turned with.
  AutoAugment(Policy policy, std::array<std::uint8_t, 3> fill, std::optional<Filter> filter);

  void operator()(Image& image, Random& random) const;

 private:
  struct Step {
    std::size_t kind;  // in the table of names
    double prob;
    double magnitude;
  };

  void run(const Step& step, Image& image, Random& random) const;
  void run_choice(std::size_t choice, Image& image, Random& random) const;
  void run_augmix(Image& image, Random& random) const;

  Policy policy_;
  std::vector<std::vector<Step>> steps_;
  std::array<std::uint8_t, 3> fill_;
  std::optional<Filter> filter_;
};

/// AugMix's sum of `chains` with `weights`, blended over `image` by `share`, in float32.
Image mix_chains(const Image& image, std::span<const Image> chains, std::span<const float> weights,
                 float share);

/// The share of each blend that, one after the other, give `weights` times `share`.
std::vector<float> blending_weights(std::span<const float> weights, float share);

}  // namespace vit::data::augment
