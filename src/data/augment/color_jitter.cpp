#include "vit/data/augment/color_jitter.h"

#include <algorithm>
#include <utility>

#include "data/shuffle.h"
#include "vit/core/error.h"
#include "vit/data/augment/operations.h"

namespace vit::data::augment {
namespace {

constexpr std::array kJitterOps{Op::kBrightness, Op::kContrast, Op::kColor, Op::kHue};
constexpr std::size_t kHueIndex = 3;

}  // namespace

void apply_jitter(Image& image, const JitterFactors& jitter) {
  for (const auto which : jitter.order)
    if (const auto& factor = jitter.factors.at(which)) apply(image, kJitterOps.at(which), *factor);
}

ColorJitter::ColorJitter(const std::vector<double>& amounts) {
  if (amounts.size() != 1 && amounts.size() != 3 && amounts.size() != 4)
    throw UsageError("color_jitter: expected 1, 3 or 4 values, found {}", amounts.size());
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const double high = i == kHueIndex ? 0.5 : 1000.0;
    if (!(amounts[i] >= 0.0 && amounts[i] <= high))
      throw UsageError("color_jitter: expected values from 0 to {}, found {}", high, amounts[i]);
    amounts_.at(i) = amounts[i];
  }
  if (amounts.size() == 1) amounts_[1] = amounts_[2] = amounts_[0];
}

JitterFactors ColorJitter::draw(Random& random) const {
  JitterFactors jitter;
  shuffle(jitter.order, random);
  for (std::size_t i = 0; i < amounts_.size(); ++i) {
    const double amount = amounts_.at(i);
    if (amount == 0.0) continue;
    jitter.factors.at(i) = i == kHueIndex
                               ? random.uniform(-amount, amount)
                               : random.uniform(std::max(0.0, 1.0 - amount), 1.0 + amount);
  }
  return jitter;
}

}  // namespace vit::data::augment
