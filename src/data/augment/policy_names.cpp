#include "data/augment/policy_names.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "vit/core/error.h"

namespace vit::data::augment {
namespace {

/// Python's `int`: towards zero.
double truncated(double value) { return std::trunc(value); }
double signed_by(double value, bool negate) { return negate ? -value : value; }

double no_change_around_one(double level, bool negate, const LevelOptions&) {
  return std::max(0.1, 1.0 + signed_by(level / 10.0 * 0.9, negate));
}
double enhance(double level, bool, const LevelOptions&) { return level / 10.0 * 1.8 + 0.1; }
double rotate_by(double level, bool negate, const LevelOptions&) {
  return signed_by(level / 10.0 * 30.0, negate);
}
double shear(double level, bool negate, const LevelOptions&) {
  return signed_by(level / 10.0 * 0.3, negate);
}
double translate_abs(double level, bool negate, const LevelOptions& options) {
  return signed_by(level / 10.0 * options.translate_const, negate);
}
double translate_rel(double level, bool negate, const LevelOptions& options) {
  return signed_by(level / 10.0 * options.translate_pct, negate);
}
double posterize_bits(double level, bool, const LevelOptions&) {
  return truncated(level / 10.0 * 4.0);
}
double posterize_increasing(double level, bool negate, const LevelOptions& options) {
  return 4.0 - posterize_bits(level, negate, options);
}
double posterize_original(double level, bool negate, const LevelOptions& options) {
  return 4.0 + posterize_bits(level, negate, options);
}
double solarize_at(double level, bool, const LevelOptions&) {
  return std::min(256.0, truncated(level / 10.0 * 256.0));
}
double solarize_increasing(double level, bool negate, const LevelOptions& options) {
  return 256.0 - solarize_at(level, negate, options);
}
double solarize_step(double level, bool, const LevelOptions&) {
  return std::min(128.0, truncated(level / 10.0 * 110.0));
}
template <int low10, int high10>
double minmax(double level, bool, const LevelOptions&) {
  constexpr double kLow = low10 / 10.0;
  constexpr double kHigh = high10 / 10.0;
  return std::clamp(kLow + (kHigh - kLow) * (level / 10.0), kLow, kHigh);
}

constexpr NamedOp kNamed[] = {
    {"AutoContrast", Op::kAutoContrast, nullptr},
    {"Equalize", Op::kEqualize, nullptr},
    {"Invert", Op::kInvert, nullptr},
    {"Rotate", Op::kRotate, rotate_by},
    {"Posterize", Op::kPosterize, posterize_bits},
    {"PosterizeIncreasing", Op::kPosterize, posterize_increasing},
    {"PosterizeOriginal", Op::kPosterize, posterize_original},
    {"Solarize", Op::kSolarize, solarize_at},
    {"SolarizeIncreasing", Op::kSolarize, solarize_increasing},
    {"SolarizeAdd", Op::kSolarizeAdd, solarize_step},
    {"Color", Op::kColor, enhance},
    {"ColorIncreasing", Op::kColor, no_change_around_one},
    {"Contrast", Op::kContrast, enhance},
    {"ContrastIncreasing", Op::kContrast, no_change_around_one},
    {"Brightness", Op::kBrightness, enhance},
    {"BrightnessIncreasing", Op::kBrightness, no_change_around_one},
    {"Sharpness", Op::kSharpness, enhance},
    {"SharpnessIncreasing", Op::kSharpness, no_change_around_one},
    {"ShearX", Op::kShearX, shear},
    {"ShearY", Op::kShearY, shear},
    {"TranslateX", Op::kTranslateX, translate_abs},
    {"TranslateY", Op::kTranslateY, translate_abs},
    {"TranslateXRel", Op::kTranslateX, translate_rel, Finish::kTimesWidth},
    {"TranslateYRel", Op::kTranslateY, translate_rel, Finish::kTimesHeight},
    {"Desaturate", Op::kColor, minmax<5, 10>, Finish::kDesaturate},
    {"GaussianBlur", Op::kGaussianBlur, minmax<1, 20>},
    {"GaussianBlurRand", Op::kGaussianBlur, minmax<0, 10>, Finish::kRandomBlur},
};

}  // namespace

std::size_t find_named_op(const std::string& name) {
  const auto* found = std::find_if(std::begin(kNamed), std::end(kNamed),
                                   [&](const NamedOp& one) { return name == one.name; });
  if (found == std::end(kNamed))
    throw UsageError("augmentation: expected one of timm's operations, found '{}'", name);
  return static_cast<std::size_t>(found - std::begin(kNamed));
}

const NamedOp& named_op(std::size_t index) { return kNamed[index]; }

double level_argument(const std::string& name, double level, bool negate,
                      const LevelOptions& options) {
  const auto argument = named_op(find_named_op(name)).argument;
  return argument == nullptr ? 0.0 : argument(level, negate, options);
}

}  // namespace vit::data::augment
