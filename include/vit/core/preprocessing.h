// What an image goes through before the model sees it. Stored in every model file.
#pragma once

#include <string>
#include <vector>

#include "vit/core/visit.h"

namespace vit {

/// timm's ViT defaults (`timm/models/vision_transformer.py`, `_cfg`, 1.0.31).
struct Preprocessing {
  std::vector<double> mean{0.5, 0.5, 0.5};  ///< a channel, of pixels in [0, 1]
  std::vector<double> std{0.5, 0.5, 0.5};   ///< a channel, of pixels in [0, 1]
  std::string interpolation = "bicubic";    ///< nearest, box, bilinear, hamming, bicubic, lanczos
  double crop_pct = 0.9;                    ///< centre crop's share of the resized side
  std::string crop_mode = "center";         ///< center, squash or border
  std::int64_t pillow = 13;                 ///< whose order of resize passes: 12 or 13
};

template <class Visitor>
void visit(Preprocessing& p, Visitor&& v) {
  v("mean", p.mean, Field{.low = -1e6, .high = 1e6});
  v("std", p.std, Field{.low = 0, .high = 1e6, .above_low = true});
  v("interpolation", p.interpolation,
    Field{.names = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}});
  v("crop_pct", p.crop_pct, Field{.low = 0.01, .high = 10});
  v("crop_mode", p.crop_mode, Field{.names = {"center", "squash", "border"}});
  v("pillow", p.pillow, Field{.low = 12, .high = 13});
}

}  // namespace vit
