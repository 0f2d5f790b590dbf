#include "vit/data/train_transform.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "data/rounding.h"
#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/data/augment/operations.h"

namespace vit::data {
namespace {

constexpr std::int64_t kBlurKernel = 23;        // timm's
constexpr std::int64_t kSimpleCropPadding = 4;  // DeiT III's

/// Uniform in {low, …, high}.
std::int64_t between(Random& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

/// exp of uniform between the logs: as likely twice as half.
double log_uniform(Random& random, double low, double high) {
  return std::exp(random.uniform(std::log(low), std::log(high)));
}

void check_range(const char* name, const std::vector<double>& range) {
  if (!range.empty() && (range.size() != 2 || range[0] > range[1]))
    throw UsageError("{}: expected two numbers 0 < low <= high <= 1000, found {}", name, range);
}

/// The pixel that numpy's `reflect` padding shows at `at`, outside 0 … length − 1.
std::int64_t reflected(std::int64_t at, std::int64_t length) {
  if (length == 1) return 0;
  const auto period = 2 * (length - 1);
  at = ((at % period) + period) % period;
  return at < length ? at : period - at;
}

Image crop_reflected(const Image& image, const Region& region) {
  Image out(region.height, region.width, image.channels);
  for (std::int64_t y = 0; y < region.height; ++y) {
    const auto* row = image.row(reflected(region.top + y, image.height));
    auto* pixel = out.row(y);
    for (std::int64_t x = 0; x < region.width; ++x, pixel += image.channels)
      std::copy_n(row + reflected(region.left + x, image.width) * image.channels, image.channels,
                  pixel);
  }
  return out;
}

/// timm's `ResizeKeepRatio` with its random scale (by area) and aspect, each half of the time.
Size2d random_keep_ratio(const Image& image, Size2d size, const std::vector<double>& scale,
                         const std::vector<double>& aspect, Random& random) {
  const auto height = static_cast<double>(image.height);
  const auto width = static_cast<double>(image.width);
  const double ratio =
      std::min(height / static_cast<double>(size[0]), width / static_cast<double>(size[1]));
  double factor_h = 1.0;
  double factor_w = 1.0;
  if (random.uniform() < 0.5)
    factor_h = factor_w = 1.0 / std::sqrt(random.uniform(scale[0], scale[1]));
  if (random.uniform() < 0.5) {
    const double factor = std::sqrt(log_uniform(random, aspect[0], aspect[1]));
    factor_h /= factor;
    factor_w *= factor;
  }
  return {std::max<std::int64_t>(python_round(height * factor_h / ratio), 1),
          std::max<std::int64_t>(python_round(width * factor_w / ratio), 1)};
}

/// torchvision's `Resize` to one number: the aspect is kept, the longer side cut to whole pixels.
/// For sides that differ: as large as covers both.
Size2d smaller_side_to(const Image& image, Size2d size) {
  const auto height_rules = image.height * size[1] <= image.width * size[0];
  if (height_rules) return {size[0], std::max(size[0] * image.width / image.height, size[1])};
  return {std::max(size[1] * image.height / image.width, size[0]), size[1]};
}

/// timm's colour for what a turned image leaves open: the mean, which normalises to about 0.
std::array<std::uint8_t, 3> fill_of(const std::vector<double>& mean) {
  std::array<std::uint8_t, 3> fill{};
  for (std::size_t c = 0; c < fill.size(); ++c)
    fill.at(c) = static_cast<std::uint8_t>(
        std::clamp<std::int64_t>(python_round(255 * mean.at(mean.size() == 1 ? 0 : c)), 0, 255));
  return fill;
}

/// Where a window of `size` begins in `length` pixels: in the middle or, with `random`, anywhere.
std::int64_t window(std::int64_t length, std::int64_t size, Random* random) {
  if (random == nullptr)
    return size > length ? -((size - length) / 2)
                         : python_round(static_cast<double>(length - size) / 2.0);
  const auto offset = between(*random, 0, std::abs(length - size));
  return length < size ? -offset : offset;
}

}  // namespace

Region random_resized_crop(std::int64_t height, std::int64_t width,
                           const std::vector<double>& scale, const std::vector<double>& ratio,
                           Random& random) {
  const auto h = static_cast<double>(height);
  const auto w = static_cast<double>(width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = random.uniform(scale[0], scale[1]) * h * w;
    const double aspect = log_uniform(random, ratio[0], ratio[1]);
    const auto target_w = python_round(std::sqrt(area * aspect));
    const auto target_h = python_round(std::sqrt(area / aspect));
    if (target_w < 1 || target_h < 1 || target_w > width || target_h > height) continue;
    const auto top = between(random, 0, height - target_h);
    const auto left = between(random, 0, width - target_w);
    return {top, left, target_h, target_w};
  }
  Region region{0, 0, height, width};
  if (w / h < ratio[0])
    region.height = std::clamp<std::int64_t>(python_round(w / ratio[0]), 1, height);
  else if (w / h > ratio[1])
    region.width = std::clamp<std::int64_t>(python_round(h * ratio[1]), 1, width);
  region.top = (height - region.height) / 2;
  region.left = (width - region.width) / 2;
  return region;
}

void check_options(const AugmentOptions& options) {
  check_fields(options);
  check_range("scale", options.scale());
  check_range("ratio", options.ratio());
}

TrainTransform::TrainTransform(AugmentOptions options, const Preprocessing& preprocessing,
                               Size2d size, std::int64_t channels)
    : options_(std::move(options)),
      eval_(preprocessing, size, channels),
      normalize_(preprocessing.mean, preprocessing.std, channels),
      size_(size),
      channels_(channels),
      pillow_(preprocessing.pillow) {
  auto& o = options_;
  check_options(o);
  const bool rrc = o.crop_mode() == "rrc";
  if (o.scale().empty()) o.scale() = rrc ? std::vector{0.08, 1.0} : std::vector{0.8, 1.0};
  if (o.ratio().empty())
    o.ratio() = rrc ? std::vector{3.0 / 4.0, 4.0 / 3.0} : std::vector{0.9, 1 / .9};
  make_augmentation(preprocessing);
}

void TrainTransform::make_augmentation(const Preprocessing& preprocessing) {
  auto& o = options_;
  if (o.gaussian_blur_prob() > 0 && std::min(size_[0], size_[1]) <= kBlurKernel / 2)
    throw UsageError("gaussian_blur_prob: expected images of more than {} pixels, found {}x{}",
                     kBlurKernel / 2, size_[0], size_[1]);
  auto config = o.aa() == "none" ? std::string() : o.aa();
  if (o.three_augment() && !config.empty() && config != "3a")
    throw UsageError("three_augment: expected no other policy beside it, found aa '{}'", o.aa());
  if (o.three_augment()) config = "3a";
  if (!config.empty()) {
    auto policy = augment::parse_policy(config, std::min(size_[0], size_[1]));
    const auto filter = o.interpolation() == "random"
                            ? std::nullopt
                            : std::optional<Filter>(parse_filter(o.interpolation()));
    policy_.emplace(std::move(policy), fill_of(preprocessing.mean), filter);
  }
  // timm: a policy takes the place of the jitter, but for 3-Augment.
  const bool jitters = config.empty() || config.find("3a") != std::string::npos;
  if (!o.color_jitter().empty()) {
    augment::ColorJitter jitter(o.color_jitter());
    if (jitters) jitter_ = jitter;
  }
}

Filter TrainTransform::pick_filter(Random& random) const {
  if (options_.interpolation() != "random") return parse_filter(options_.interpolation());
  return random.below(2) == 0 ? Filter::kBilinear : Filter::kBicubic;
}

Image TrainTransform::crop(const Image& image, Random& random) const {
  auto out = cut_out(image, random);
  change(out, random);
  return out;
}

void TrainTransform::change(Image& image, Random& random) const {
  const auto& o = options_;
  const auto happens = [&](double probability) {
    return probability > 0 && random.uniform() < probability;
  };
  if (happens(o.hflip())) flip_horizontal(image);
  if (happens(o.vflip())) flip_vertical(image);
  if (policy_) (*policy_)(image, random);
  if (jitter_ && (!o.color_jitter_prob() || happens(*o.color_jitter_prob())))
    augment::apply_jitter(image, jitter_->draw(random));
  if (happens(o.grayscale_prob())) augment::apply(image, augment::Op::kGrayscale, 0);
  if (happens(o.gaussian_blur_prob()))
    augment::gaussian_kernel_blur(image, kBlurKernel, random.uniform(0.1, 2.0));
}

Image TrainTransform::cut_out(const Image& image, Random& random) const {
  const auto& mode = options_.crop_mode();
  Image out;
  if (mode == "none") {
    out = eval_.crop(image);
  } else if (mode == "shift") {
    const bool fits = image.height == size_[0] && image.width == size_[1];
    const auto pad = options_.padding();
    const Region region{between(random, -pad, pad), between(random, -pad, pad), size_[0], size_[1]};
    out = data::crop(fits ? image : resize(image, size_[0], size_[1], pick_filter(random), pillow_),
                     region);
  } else if (mode == "src") {
    const auto resized = smaller_side_to(image, size_);
    const auto whole = resize(image, resized[0], resized[1], pick_filter(random), pillow_);
    const auto top = between(random, 0, resized[0] + 2 * kSimpleCropPadding - size_[0]);
    const auto left = between(random, 0, resized[1] + 2 * kSimpleCropPadding - size_[1]);
    out = crop_reflected(whole,
                         {top - kSimpleCropPadding, left - kSimpleCropPadding, size_[0], size_[1]});
  } else if (mode == "rrc") {
    const auto region =
        random_resized_crop(image.height, image.width, options_.scale(), options_.ratio(), random);
    out = resized_crop(image, region, size_[0], size_[1], pick_filter(random), pillow_);
  } else {
    const auto resized =
        random_keep_ratio(image, size_, options_.scale(), options_.ratio(), random);
    const auto whole = resize(image, resized[0], resized[1], pick_filter(random), pillow_);
    auto* anywhere = mode == "rkrr" ? &random : nullptr;
    const auto top = window(resized[0], size_[0], anywhere);
    const auto left = window(resized[1], size_[1], anywhere);
    out = crop_reflected(whole, {top, left, size_[0], size_[1]});
  }
  return out;
}

void TrainTransform::operator()(const Image& image, Random& random, std::span<float> chw) const {
  normalize_(crop(image, random), chw);
  if (options_.re_prob() > 0 && random.uniform() < options_.re_prob()) erase(random, chw);
}

void TrainTransform::erase(Random& random, std::span<float> chw) const {
  const auto [height, width] = size_;
  const auto area = static_cast<double>(height * width);
  const auto count = between(random, 1, options_.re_count());
  for (std::int64_t i = 0; i < count; ++i) {
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double target = random.uniform(0.02, 1.0 / 3.0) * area / static_cast<double>(count);
      const double aspect = log_uniform(random, 0.3, 1 / 0.3);
      const auto h = python_round(std::sqrt(target * aspect));
      const auto w = python_round(std::sqrt(target / aspect));
      if (w >= width || h >= height) continue;
      const auto top = between(random, 0, height - h);
      const auto left = between(random, 0, width - w);
      fill_region({top, left, h, w}, random, chw);
      break;
    }
  }
}

void TrainTransform::fill_region(const Region& region, Random& random, std::span<float> chw) const {
  const bool noise = options_.re_mode() == "pixel";
  for (std::int64_t c = 0; c < channels_; ++c) {
    const auto colour = options_.re_mode() == "rand" ? static_cast<float>(random.normal()) : 0.0F;
    for (auto y = region.top; y < region.top + region.height; ++y) {
      auto* row = chw.data() + (c * size_[0] + y) * size_[1] + region.left;
      for (std::int64_t x = 0; x < region.width; ++x)
        row[x] = noise ? static_cast<float>(random.normal()) : colour;
    }
  }
}

}  // namespace vit::data
