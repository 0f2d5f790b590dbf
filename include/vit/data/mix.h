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

#include "vit/core/arg.h"
#include "vit/core/random.h"
#include "vit/core/visit.h"

namespace vit::data {

/// timm's names and defaults, but both alphas are 0 (no mixing).
struct MixOptions {
  VIT_ARG(double, mixup) = 0.0;   ///< alpha of Mixup's Beta distribution; 0: no Mixup
  VIT_ARG(double, cutmix) = 0.0;  ///< alpha of CutMix's; 0: no CutMix
  /// Least and largest side of the box as shares; over cutmix.
  VIT_ARG(std::vector<double>, cutmix_minmax);
  VIT_ARG(double, prob) = 1.0;           ///< of mixing at all, a batch or an element
  VIT_ARG(double, switch_prob) = 0.5;    ///< of CutMix where both are on
  VIT_ARG(std::string, mode) = "batch";  ///< one draw a batch, a pair or an elem(ent)
  VIT_ARG(std::int64_t,
          off_epoch) = 0;             ///< whoever mixes stops before this epoch (from 0); 0: never
  VIT_ARG(bool, correct_lam) = true;  ///< lam is what the box leaves, where an edge cut it

 public:
  bool enabled() const { return mixup_ > 0 || cutmix_ > 0 || !cutmix_minmax_.empty(); }
};

template <class Visitor>
void visit(MixOptions& o, Visitor&& v) {
  v("mixup", o.mixup(),
    Field{.help = "Alpha of Mixup; 0: none", .low = 0, .high = 1e6, .timm = "mixup"});
  v("cutmix", o.cutmix(),
    Field{.help = "Alpha of CutMix; 0: none", .low = 0, .high = 1e6, .timm = "cutmix"});
  v("cutmix_minmax", o.cutmix_minmax(),
    Field{.help = "Shares of a side: the box's least and most",
          .low = 0,
          .high = 1,
          .timm = "cutmix_minmax"});
  v("mixup_prob", o.prob(),
    Field{.help = "Probability of mixing", .low = 0, .high = 1, .timm = "mixup_prob"});
  v("mixup_switch_prob", o.switch_prob(),
    Field{.help = "Of CutMix where both are on", .low = 0, .high = 1, .timm = "mixup_switch_prob"});
  v("mixup_mode", o.mode(),
    Field{.help = "One draw a batch, pair or elem",
          .names = {"batch", "pair", "elem"},
          .timm = "mixup_mode"});
  v("mixup_off_epoch", o.off_epoch(),
    Field{.help = "Do not mix from epoch N (from 0) on",
          .low = 0,
          .high = 1e9,
          .timm = "mixup_off_epoch"});
}

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
