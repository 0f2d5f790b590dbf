// torchvision's ColorJitter on Pillow images: brightness, contrast, saturation and hue by random
// factors in random order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "vit/core/random.h"
#include "vit/data/image.h"

namespace vit::data::augment {

/// One draw. An absent factor leaves its property alone.
struct JitterFactors {
  std::array<std::uint8_t, 4> order{0, 1, 2, 3};  ///< of brightness, contrast, saturation, hue
  std::array<std::optional<double>, 4> factors;
};

/// Applies one draw in place.
void apply_jitter(Image& image, const JitterFactors& jitter);

class ColorJitter {
 public:
  /// `amounts`: how far from 1 the factors of brightness, contrast and saturation go (hue: from 0,
  /// at most 0.5). One value serves the first three, as in timm. Throws UsageError.
  explicit ColorJitter(const std::vector<double>& amounts);

  JitterFactors draw(Random& random) const;

 private:
  std::array<double, 4> amounts_{};
};

}  // namespace vit::data::augment
