#include "vit/data/augment/operations.h"

#include <cmath>

#include "data/augment/kinds.h"
#include "vit/core/error.h"

namespace vit::data::augment {
namespace {

using Apply = void (*)(Image&, double argument, const Canvas&);

template <void (*function)(Image&)>
void plain(Image& image, double, const Canvas&) {
  function(image);
}

template <void (*function)(Image&, double)>
void with_argument(Image& image, double argument, const Canvas&) {
  function(image, argument);
}

struct Operation {
  Op op;
  const char* name;
  Apply apply;
  double low;  ///< least argument
  double high;
  bool geometric = false;
};

constexpr double kAny = 1e6;

/// In the order of the enumeration.
constexpr Operation kOperations[] = {
    {Op::kAutoContrast, "auto contrast", plain<auto_contrast>, -kAny, kAny},
    {Op::kEqualize, "equalize", plain<equalize>, -kAny, kAny},
    {Op::kInvert, "invert", plain<invert>, -kAny, kAny},
    {Op::kPosterize, "posterize", with_argument<posterize>, 0, kAny},
    {Op::kSolarize, "solarize", with_argument<solarize>, 0, 256},
    {Op::kSolarizeAdd, "solarize add", with_argument<solarize_add>, 0, 255},
    {Op::kBrightness, "brightness", with_argument<brightness>, -kAny, kAny},
    {Op::kContrast, "contrast", with_argument<contrast>, -kAny, kAny},
    {Op::kColor, "color", with_argument<color>, -kAny, kAny},
    {Op::kSharpness, "sharpness", with_argument<sharpness>, -kAny, kAny},
    {Op::kHue, "hue", with_argument<hue>, -0.5, 0.5},
    {Op::kGrayscale, "grayscale", plain<grayscale>, -kAny, kAny},
    {Op::kGaussianBlur, "gaussian blur", with_argument<gaussian_blur>, 0, 1000},
    {Op::kRotate, "rotate", rotate, -kAny, kAny, true},
    {Op::kShearX, "shear x", shear_x, -kAny, kAny, true},
    {Op::kShearY, "shear y", shear_y, -kAny, kAny, true},
    {Op::kTranslateX, "translate x", translate_x, -kAny, kAny, true},
    {Op::kTranslateY, "translate y", translate_y, -kAny, kAny, true},
};

const Operation& operation_of(Op op) { return kOperations[static_cast<std::size_t>(op)]; }

}  // namespace

bool is_geometric(Op op) { return operation_of(op).geometric; }

void apply(Image& image, Op op, double argument, const Canvas& canvas) {
  const auto& operation = operation_of(op);
  if (!(argument >= operation.low && argument <= operation.high))
    throw UsageError("{}: expected an argument from {} to {}, found {}", operation.name,
                     operation.low, operation.high, argument);
  if (image.pixels.empty()) return;
  operation.apply(image, argument, canvas);
}

}  // namespace vit::data::augment
