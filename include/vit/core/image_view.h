// Pixels that somebody else holds: a decoded file, a cv::Mat, the buffer of a camera.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <ranges>
#include <span>
#include <type_traits>
#include <vector>

#include "vit/core/error.h"

namespace vit {

/// What the bytes of a pixel mean, in memory order.
enum class ChannelOrder : std::uint8_t { kGrey, kRgb, kBgr, kRgba, kBgra };

/// 8-bit pixels, row after row. Owns nothing: valid for as long as the pixels are.
struct ImageView {
  const std::uint8_t* pixels = nullptr;  ///< the pixel at the top left
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t stride = 0;  ///< bytes from a row to the next; negative where rows go bottom up
  ChannelOrder order = ChannelOrder::kRgb;

  /// Bytes of a pixel.
  std::int64_t channels() const {
    constexpr std::array<std::int64_t, 5> kChannels{1, 3, 3, 4, 4};
    return kChannels[static_cast<std::size_t>(order)];
  }
  bool grey() const { return order == ChannelOrder::kGrey; }
  /// Which byte of a pixel holds `channel` (0 red, 1 green, 2 blue); grey has one for all.
  std::int64_t byte_of(std::int64_t channel) const {
    if (grey()) return 0;
    const bool reversed = order == ChannelOrder::kBgr || order == ChannelOrder::kBgra;
    return reversed ? 2 - channel : channel;
  }
  const std::uint8_t* row(std::int64_t y) const { return pixels + y * stride; }
  /// A rectangle of it, in place. The rectangle must lie inside.
  ImageView region(std::int64_t top, std::int64_t left, std::int64_t region_height,
                   std::int64_t region_width) const {
    return {row(top) + left * channels(), region_height, region_width, stride, order};
  }
};

/// Throws DataError where there are no pixels, or rows that overlap.
inline void check_image_view(const ImageView& image) {
  if (image.pixels == nullptr || image.height < 1 || image.width < 1)
    throw DataError("image: expected pixels, found {}x{} (height x width){}", image.height,
                    image.width, image.pixels == nullptr ? " at no address" : "");
  if (image.height > 1 && std::abs(image.stride) < image.width * image.channels())
    throw DataError("image: expected a stride of at least {} bytes, found {}",
                    image.width * image.channels(), image.stride);
}

/// How a type shows its pixels; specialised by `vit/opencv.h` for cv::Mat.
template <class T>
struct ImageAccess;

template <std::convertible_to<ImageView> T>
struct ImageAccess<T> {
  static ImageView view(const T& image) { return image; }
};

/// Images that stay where they are while a function looks at them.
template <class Range>
concept ImageRange = std::ranges::input_range<const Range&> &&
    (std::is_lvalue_reference_v<std::ranges::range_reference_t<const Range&>> ||
     std::same_as<std::ranges::range_value_t<const Range&>,
                  ImageView>)&&requires(const std::ranges::range_value_t<const Range&>& image) {
  { ImageAccess<std::ranges::range_value_t<const Range&>>::view(image) } -> std::same_as<ImageView>;
};

template <ImageRange Range>
std::vector<ImageView> image_views(const Range& images) {
  std::vector<ImageView> views;
  if constexpr (std::ranges::sized_range<const Range&>) views.reserve(std::ranges::size(images));
  for (const auto& image : images)
    views.push_back(ImageAccess<std::ranges::range_value_t<const Range&>>::view(image));
  return views;
}

}  // namespace vit
