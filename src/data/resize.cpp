#include "vit/data/resize.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "vit/core/error.h"

namespace vit::data {
namespace {

/// A result of more pixels than this is refused before it is allocated.
constexpr std::int64_t kMaxResized = std::int64_t{1} << 29;
/// Pillow counts pixels in `int`.
constexpr std::int64_t kMaxSide = (std::int64_t{1} << 31) - 1;

ImageView narrow(const ImageView& image, const Region& r) {
  return image.region(r.top, r.left, r.height, r.width);
}

kernels::Rows rows_of(const ImageView& image) { return {image.pixels, image.stride}; }

std::int64_t row_bytes(const ImageView& image) { return image.width * image.channels(); }

Image copy_of(const ImageView& view) {
  Image image(view.height, view.width, view.channels());
  for (std::int64_t y = 0; y < view.height; ++y)
    std::memcpy(image.row(y), view.row(y), static_cast<std::size_t>(row_bytes(view)));
  return image;
}

Image horizontal_pass(const ImageView& in, const kernels::ResizeAxis& axis) {
  Image out(in.height, axis.size(), in.channels());
  kernels::resize_horizontal(rows_of(in), in.height, row_bytes(in), in.channels(), axis,
                             out.pixels.data());
  return out;
}

/// `in` starts at the axis's input `first_row`.
Image vertical_pass(const ImageView& in, std::int64_t first_row, const kernels::ResizeAxis& axis) {
  Image out(axis.size(), in.width, in.channels());
  kernels::resize_vertical(rows_of(in), first_row, row_bytes(in), axis, out.pixels.data());
  return out;
}

Image nearest(const ImageView& in, Size2d size, const Region& part) {
  const auto rows = kernels::nearest_inputs(in.height, size[0], part.top, part.top + part.height);
  const auto columns =
      kernels::nearest_inputs(in.width, size[1], part.left, part.left + part.width);
  Image out(part.height, part.width, in.channels());
  for (std::int64_t y = 0; y < part.height; ++y) {
    const auto row = rows[static_cast<std::size_t>(y)];
    if (row < 0) continue;
    auto* pixel = out.row(y);
    for (const auto column : columns) {
      if (column >= 0)
        std::memcpy(pixel, in.row(row) + column * in.channels(),
                    static_cast<std::size_t>(in.channels()));
      pixel += in.channels();
    }
  }
  return out;
}

/// Both axes change. Only the inputs that `part` needs are looked at.
Image two_passes(const ImageView& in, const kernels::ResizeAxis& y_axis,
                 const kernels::ResizeAxis& x_axis, bool vertical_first) {
  const auto top = y_axis.input_begin();
  const auto left = x_axis.input_begin();
  if (vertical_first) {
    const auto columns = narrow(in, {0, left, in.height, x_axis.input_end() - left});
    const auto between = vertical_pass(columns, 0, y_axis);
    auto shifted = x_axis;
    for (auto& first : shifted.first) first -= left;
    return horizontal_pass(between, shifted);
  }
  const auto rows = narrow(in, {top, 0, y_axis.input_end() - top, in.width});
  const auto between = horizontal_pass(rows, x_axis);
  return vertical_pass(between, top, y_axis);
}

Image resample(const ImageView& in, Size2d size, const Region& part, Filter filter,
               std::int64_t pillow) {
  if (size[0] < 1 || size[1] < 1 || in.height < 1 || in.width < 1)
    throw DataError("an image of {}x{} cannot be resized to {}x{} (height x width)", in.height,
                    in.width, size[0], size[1]);
  if (size[0] > kMaxSide || size[1] > kMaxSide || part.height * part.width > kMaxResized)
    throw DataError("an image of {}x{} would be resized to {}x{} (height x width): too large",
                    in.height, in.width, size[0], size[1]);
  if (filter == Filter::kNearest) return nearest(in, size, part);
  const auto y_axis = [&] {
    return kernels::make_resize_axis(in.height, size[0], filter, part.top, part.top + part.height);
  };
  const auto x_axis = [&] {
    return kernels::make_resize_axis(in.width, size[1], filter, part.left, part.left + part.width);
  };
  if (size[0] == in.height && size[1] == in.width) return copy_of(narrow(in, part));
  if (size[0] == in.height)
    return horizontal_pass(narrow(in, {part.top, 0, part.height, in.width}), x_axis());
  if (size[1] == in.width)
    return vertical_pass(narrow(in, {0, part.left, in.height, part.width}), 0, y_axis());
  const auto shrinks = in.height - size[0];
  const bool vertical_first = pillow >= 13 && shrinks > 0 && shrinks > 2 * (in.width - size[1]);
  return two_passes(in, y_axis(), x_axis(), vertical_first);
}

}  // namespace

Filter parse_filter(const std::string& name) {
  constexpr std::pair<const char*, Filter> kFilters[] = {
      {"nearest", Filter::kNearest}, {"box", Filter::kBox},         {"bilinear", Filter::kBilinear},
      {"hamming", Filter::kHamming}, {"bicubic", Filter::kBicubic}, {"lanczos", Filter::kLanczos}};
  for (const auto& [known, filter] : kFilters)
    if (name == known) return filter;
  throw DataError(
      "interpolation: expected nearest, box, bilinear, hamming, bicubic or lanczos, found '{}'",
      name);
}

Image resize(const ImageView& image, std::int64_t height, std::int64_t width, Filter filter,
             std::int64_t pillow) {
  return resample(image, {height, width}, {0, 0, height, width}, filter, pillow);
}

Image resize_part(const ImageView& image, std::int64_t height, std::int64_t width,
                  const Region& part, Filter filter, std::int64_t pillow) {
  return resample(image, {height, width}, part, filter, pillow);
}

Image resized_crop(const ImageView& image, const Region& region, std::int64_t height,
                   std::int64_t width, Filter filter, std::int64_t pillow) {
  return resample(narrow(image, region), {height, width}, {0, 0, height, width}, filter, pillow);
}

Image crop(const Image& image, const Region& region) {
  Image out(region.height, region.width, image.channels);
  paste(out, image, -region.top, -region.left);
  return out;
}

void paste(Image& canvas, const Image& image, std::int64_t top, std::int64_t left) {
  const auto y_begin = std::max<std::int64_t>(top, 0);
  const auto y_end = std::min(top + image.height, canvas.height);
  const auto x_begin = std::max<std::int64_t>(left, 0);
  const auto x_end = std::min(left + image.width, canvas.width);
  if (x_begin >= x_end) return;
  for (auto y = y_begin; y < y_end; ++y)
    std::memcpy(canvas.row(y) + x_begin * canvas.channels,
                image.row(y - top) + (x_begin - left) * image.channels,
                static_cast<std::size_t>((x_end - x_begin) * canvas.channels));
}

void flip_horizontal(Image& image) {
  for (std::int64_t y = 0; y < image.height; ++y) {
    auto* row = image.row(y);
    for (std::int64_t a = 0, b = image.width - 1; a < b; ++a, --b)
      std::swap_ranges(row + a * image.channels, row + (a + 1) * image.channels,
                       row + b * image.channels);
  }
}

void flip_vertical(Image& image) {
  for (std::int64_t a = 0, b = image.height - 1; a < b; ++a, --b)
    std::swap_ranges(image.row(a), image.row(a) + image.width * image.channels, image.row(b));
}

}  // namespace vit::data
