#include "vit/data/eval_transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/rounding.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

double channel_value(const std::vector<double>& values, std::int64_t channel) {
  return values.size() == 1 ? values[0] : values[static_cast<std::size_t>(channel)];
}

void check_channels(const char* name, const std::vector<double>& values, std::int64_t channels) {
  if (values.size() != 1 && static_cast<std::int64_t>(values.size()) != channels)
    throw DataError("{}: expected 1 or {} values, found {}", name, channels, values.size());
  for (const auto value : values)
    if (!std::isfinite(value)) throw DataError("{}: expected finite values, found {}", name, value);
}

/// Where a centred window of `size` begins in `length` pixels; negative where it is larger. timm's
/// `center_crop_or_pad` and torchvision's `center_crop`: the spare odd pixel goes right and down.
std::int64_t centred(std::int64_t length, std::int64_t size) {
  return size > length ? -((size - length) / 2)
                       : python_round(static_cast<double>(length - size) / 2.0);
}

}  // namespace

Normalize::Normalize(const std::vector<double>& mean, const std::vector<double>& std,
                     std::int64_t channels)
    : channels_(channels) {
  check_channels("mean", mean, channels);
  check_channels("std", std, channels);
  table_.reserve(static_cast<std::size_t>(channels * 256));
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto mean_value = static_cast<float>(channel_value(mean, c));
    const auto std_value = static_cast<float>(channel_value(std, c));
    if (!(std_value > 0)) throw DataError("std: expected values above 0, found {}", std_value);
    for (int p = 0; p < 256; ++p)
      table_.push_back((static_cast<float>(p) / 255.0F - mean_value) / std_value);
  }
}

void Normalize::operator()(const ImageView& image, std::span<float> chw) const {
  const auto pixels = image.height * image.width;
  if (!image.grey() && channels_ != 3)
    throw DataError("image: expected {} channel(s), as the model has them, found {}", channels_,
                    image.channels());
  if (static_cast<std::int64_t>(chw.size()) != channels_ * pixels)
    throw DataError("an image of {}x{} pixels does not fill {} values", image.height, image.width,
                    chw.size());
  const auto step = image.channels();
  for (std::int64_t c = 0; c < channels_; ++c) {
    const auto* table = table_.data() + c * 256;
    auto* out = chw.data() + c * pixels;
    for (std::int64_t y = 0; y < image.height; ++y, out += image.width) {
      const auto* pixel = image.row(y) + image.byte_of(c);
      for (std::int64_t x = 0; x < image.width; ++x) out[x] = table[pixel[x * step]];
    }
  }
}

EvalTransform::EvalTransform(const Preprocessing& preprocessing, Size2d size, std::int64_t channels)
    : filter_(parse_filter(preprocessing.interpolation)),
      pillow_(preprocessing.pillow),
      size_(size),
      channels_(channels),
      normalize_(preprocessing.mean, preprocessing.std, channels) {
  constexpr std::pair<const char*, CropMode> kModes[] = {
      {"center", CropMode::kCenter}, {"squash", CropMode::kSquash}, {"border", CropMode::kBorder}};
  const auto mode = std::find_if(std::begin(kModes), std::end(kModes), [&](const auto& known) {
    return preprocessing.crop_mode == known.first;
  });
  if (mode == std::end(kModes))
    throw DataError("crop_mode: expected center, squash or border, found '{}'",
                    preprocessing.crop_mode);
  mode_ = mode->second;
  if (pillow_ != 12 && pillow_ != 13)
    throw DataError("pillow: expected 12 or 13, found {}", pillow_);
  if (channels != 1 && channels != 3)
    throw DataError("a model of {} input channels cannot be fed images (1 or 3)", channels);
  const auto crop_pct = preprocessing.crop_pct;
  if (!(crop_pct > 0.0) || !(crop_pct <= 100.0))
    throw DataError("crop_pct: expected a value above 0 and at most 100, found {}", crop_pct);
  for (std::size_t i = 0; i < 2; ++i) {
    if (size[i] < 1 || size[i] > 100'000)
      throw DataError("input size: expected 1 to 100000 pixels, found {}", size[i]);
    const auto scaled = std::floor(static_cast<double>(size[i]) / crop_pct);
    if (scaled < 1.0 || scaled > 1e8)
      throw DataError("crop_pct: {} of {} pixels cannot be", crop_pct, size[i]);
    scale_size_[i] = static_cast<std::int64_t>(scaled);
  }
  fill_.assign(static_cast<std::size_t>(channels), 0);
  if (mode_ == CropMode::kBorder)
    for (std::int64_t c = 0; c < channels; ++c)
      fill_[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(
          python_round(255 * channel_value(preprocessing.mean, c)), 0, 255));
}

Size2d EvalTransform::resized_size(const ImageView& image) const {
  if (mode_ == CropMode::kSquash) return scale_size_;
  const auto height = static_cast<double>(image.height);
  const auto width = static_cast<double>(image.width);
  if (mode_ == CropMode::kCenter && scale_size_[0] == scale_size_[1]) {
    // torchvision's `_compute_resized_output_size`: truncates.
    const bool upright = image.width <= image.height;
    const double shorter = upright ? width : height;
    const double longer = upright ? height : width;
    const auto side = scale_size_[0];
    const auto other = static_cast<std::int64_t>(static_cast<double>(side) * longer / shorter);
    return upright ? Size2d{other, side} : Size2d{side, other};
  }
  // timm's `ResizeKeepRatio.get_params`: rounds.
  const double longest = mode_ == CropMode::kBorder ? 1.0 : 0.0;
  const double ratio_h = height / static_cast<double>(scale_size_[0]);
  const double ratio_w = width / static_cast<double>(scale_size_[1]);
  const double ratio =
      std::max(ratio_h, ratio_w) * longest + std::min(ratio_h, ratio_w) * (1.0 - longest);
  return {python_round(height / ratio), python_round(width / ratio)};
}

Image EvalTransform::padded(Image part, ChannelOrder order, std::int64_t top,
                            std::int64_t left) const {
  // A grey image is padded with the colour of each channel, as its RGB form would be.
  if (mode_ == CropMode::kBorder && part.channels < channels_) {
    part = convert(part, channels_);
    order = ChannelOrder::kRgb;
  }
  Image canvas(size_[0], size_[1], part.channels);
  const ImageView layout{nullptr, 0, 0, 0, order};
  if (mode_ == CropMode::kBorder)
    for (std::int64_t c = 0; c < std::min<std::int64_t>(part.channels, 3); ++c)
      for (auto i = static_cast<std::size_t>(part.channels == 1 ? 0 : layout.byte_of(c));
           i < canvas.pixels.size(); i += static_cast<std::size_t>(part.channels))
        canvas.pixels[i] = fill_[static_cast<std::size_t>(c)];
  paste(canvas, part, top, left);
  return canvas;
}

ImageView EvalTransform::show(ImageView image, Image& memory) const {
  check_image_view(image);
  if (channels_ == 1 && !image.grey()) {
    memory = convert(image, 1);  // Pillow turns an image grey before it resizes it
    image = memory;
  }
  const auto resized = resized_size(image);
  const auto top = centred(resized[0], size_[0]);
  const auto left = centred(resized[1], size_[1]);
  const Region inside{std::max<std::int64_t>(top, 0), std::max<std::int64_t>(left, 0),
                      std::min(size_[0], resized[0]), std::min(size_[1], resized[1])};
  const bool fills = inside.height == size_[0] && inside.width == size_[1];
  if (fills && resized == Size2d{image.height, image.width})
    return image.region(inside.top, inside.left, inside.height, inside.width);
  auto order = image.order;
  memory = resize_part(image, resized[0], resized[1], inside, filter_, pillow_);
  if (!fills) {
    memory = padded(std::move(memory), order, -std::min<std::int64_t>(top, 0),
                    -std::min<std::int64_t>(left, 0));
    if (memory.channels != image.channels()) order = ChannelOrder::kRgb;
  }
  ImageView shown = memory;
  shown.order = order;
  return shown;
}

Image EvalTransform::crop(const ImageView& image) const {
  Image memory;
  const auto shown = show(image, memory);
  const bool whole = shown.pixels == memory.pixels.data() && shown.height == memory.height &&
                     shown.width == memory.width;
  const bool in_order = shown.channels() == channels_ && shown.order != ChannelOrder::kBgr;
  return whole && in_order ? std::move(memory) : convert(shown, channels_);
}

void EvalTransform::operator()(const ImageView& image, std::span<float> chw) const {
  Image memory;
  normalize_(show(image, memory), chw);
}

}  // namespace vit::data
