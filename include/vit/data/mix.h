// Mixup and CutMix: each image of a batch is blended with, or gets a box from, its mirror image in
// the batch's order (image i and image B − 1 − i), and so do the targets.
//
// Source: timm.data.Mixup (1.0.31); Zhang et al. 2017, Yun et al. 2019. Drawing and applying are
// separate: fixed parameters give timm's bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vit/core/random.h"

namespace vit::data {

/// timm's names and defaults, but both alphas are 0 (no mixing).
struct MixOptions {
  double mixup = 0.0;                 ///< alpha of Mixup's Beta distribution; 0: no Mixup
  double cutmix = 0.0;                ///< alpha of CutMix's; 0: no CutMix
  std::vector<double> cutmix_minmax;  ///< least and largest side of the box as shares; over cutmix
  double prob = 1.0;                  ///< of mixing at all, a batch or an element
  double switch_prob = 0.5;           ///< of CutMix where both are on
  std::string mode = "batch";         ///< one draw a batch, a pair or an elem(ent)
  bool correct_lam = true;            ///< lam is what the box leaves, where an edge cut it

  bool enabled() const { return mixup > 0 || cutmix > 0 || !cutmix_minmax.empty(); }
};

/// One draw: the share `lam` of the image itself, and with CutMix the box that the other fills.
struct MixDraw {
  double lam = 1.0;
  bool cutmix = false;
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;  ///< rows [top, bottom), columns likewise
};

/// Draws of a batch: one (mode batch), B / 2 (pair) or B (elem).
struct MixPlan {
  std::string mode;
  std::vector<MixDraw> draws;

  /// The draw that image `i` of `batch` takes part in.
  const MixDraw& of(std::int64_t i, std::int64_t batch) const;
};

struct BatchShape {
  std::int64_t batch, channels, height, width;
};

/// Draws plans; const and safe to call from several threads.
class Mixer {
 public:
  /// Throws UsageError on options that cannot be.
  explicit Mixer(MixOptions options);

  /// Throws UsageError on an odd batch.
  MixPlan draw(const BatchShape& shape, Random& random) const;

 private:
  MixDraw draw_one(const BatchShape& shape, Random& random) const;
  void draw_box(MixDraw& draw, const BatchShape& shape, Random& random) const;

  MixOptions options_;
};

/// Mixes `images` `[B, C, H, W]` in place.
void mix_images(const MixPlan& plan, const BatchShape& shape, std::span<float> images);

/// Mixes `targets` `[B, classes]` in place.
void mix_targets(const MixPlan& plan, std::int64_t classes, std::span<float> targets);

/// `[B, classes]`: 1 − smoothing + smoothing / classes at the label, smoothing / classes elsewhere.
/// Throws DataError on a label outside the classes.
std::vector<float> one_hot(std::span<const std::int64_t> labels, std::int64_t classes,
                           double smoothing);

}  // namespace vit::data
