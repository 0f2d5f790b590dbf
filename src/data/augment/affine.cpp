// The plane under a matrix as Pillow's `transform` computes it: double coordinates of
// pixel centres, four or sixteen neighbours, the edge's pixels repeated.
#include <smmintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "data/augment/kinds.h"
#include "vit/core/error.h"

namespace vit::data::augment {
namespace {

using Matrix = std::array<double, 6>;

/// A pixel's channels side by side (the fourth is not used), so that one instruction serves two.
struct Rgb {
  __m128d low;
  __m128d high;

  friend Rgb operator+(Rgb a, Rgb b) {
    return {_mm_add_pd(a.low, b.low), _mm_add_pd(a.high, b.high)};
  }
  friend Rgb operator-(Rgb a, Rgb b) {
    return {_mm_sub_pd(a.low, b.low), _mm_sub_pd(a.high, b.high)};
  }
  friend Rgb operator*(double a, Rgb b) {
    return {_mm_mul_pd(_mm_set1_pd(a), b.low), _mm_mul_pd(_mm_set1_pd(a), b.high)};
  }
};

struct WholeRgb {
  __m128i value;

  friend WholeRgb operator+(WholeRgb a, WholeRgb b) { return {_mm_add_epi32(a.value, b.value)}; }
  friend WholeRgb operator-(WholeRgb a, WholeRgb b) { return {_mm_sub_epi32(a.value, b.value)}; }
};

/// How pixels of one kind are read and written: integers `Whole` come in, reals `Real` go out.
struct GreyPixels {
  using Whole = std::int32_t;
  using Real = double;
  static constexpr std::int64_t kBytes = 1;
  static Whole load(const std::uint8_t* pixel) { return *pixel; }
  static Real real(Whole value) { return value; }
  static void store(Real value, std::uint8_t* out) {
    *out = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
  }
};

/// Four bytes a pixel, so that one load takes it whole.
struct RgbPixels {
  using Whole = WholeRgb;
  using Real = Rgb;
  static constexpr std::int64_t kBytes = 4;
  static Whole load(const std::uint8_t* pixel) {
    std::int32_t bytes = 0;
    std::memcpy(&bytes, pixel, sizeof bytes);
    return {_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes))};
  }
  static Real real(Whole whole) {
    return {_mm_cvtepi32_pd(whole.value), _mm_cvtepi32_pd(_mm_srli_si128(whole.value, 8))};
  }
  static void store(Real real, std::uint8_t* out) {
    const auto clipped = [](__m128d value) {
      return _mm_cvttpd_epi32(_mm_min_pd(_mm_max_pd(value, _mm_setzero_pd()), _mm_set1_pd(255.0)));
    };
    const auto low = clipped(real.low);
    out[0] = static_cast<std::uint8_t>(_mm_cvtsi128_si32(low));
    out[1] = static_cast<std::uint8_t>(_mm_extract_epi32(low, 1));
    out[2] = static_cast<std::uint8_t>(_mm_cvtsi128_si32(clipped(real.high)));
  }
};

/// The image to look at, `kBytes` a pixel.
struct Source {
  const std::uint8_t* data;
  std::int64_t stride;
  std::int64_t height;
  std::int64_t width;

  const std::uint8_t* row(std::int64_t y) const { return data + y * stride; }
};

std::int64_t floor_of(double value) {
  return value < 0.0 ? static_cast<std::int64_t>(std::floor(value))
                     : static_cast<std::int64_t>(value);
}

/// `v + (w − v) · d` of two neighbours.
template <class Pixels>
typename Pixels::Real linear(const std::uint8_t* a, const std::uint8_t* b, double d) {
  const auto from = Pixels::load(a);
  return Pixels::real(from) + d * Pixels::real(Pixels::load(b) - from);
}

/// Pillow's bicubic (a = −1) through four neighbours at `d` after the second; differences of whole
/// numbers are exact.
template <class Pixels>
typename Pixels::Real cubic(const std::uint8_t* row, const std::array<std::int64_t, 4>& at,
                            double d) {
  const auto v1 = Pixels::load(row + at[0]);
  const auto v2 = Pixels::load(row + at[1]);
  const auto v3 = Pixels::load(row + at[2]);
  const auto v4 = Pixels::load(row + at[3]);
  const auto p2 = Pixels::real(v3 - v1);
  const auto p3 = Pixels::real((v1 - v2) + (v1 - v2) + v3 - v4);
  const auto p4 = Pixels::real(v2 - v1 - v3 + v4);
  return Pixels::real(v2) + d * (p2 + d * (p3 + d * p4));
}

template <class Real>
Real cubic(const Real& v1, const Real& v2, const Real& v3, const Real& v4, double d) {
  const auto p2 = v3 - v1;
  const auto p3 = 2.0 * (v1 - v2) + v3 - v4;
  const auto p4 = v2 - v1 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}

template <class Pixels>
typename Pixels::Real bilinear_at(const Source& in, double x, double y) {
  const auto left = floor_of(x);
  const auto top = floor_of(y);
  const double dx = x - static_cast<double>(left);
  const double dy = y - static_cast<double>(top);
  const auto x0 = std::max<std::int64_t>(left, 0) * Pixels::kBytes;
  const auto x1 = std::min(left + 1, in.width - 1) * Pixels::kBytes;
  const auto* row = in.row(std::max<std::int64_t>(top, 0));
  const auto first = linear<Pixels>(row + x0, row + x1, dx);
  // A whole coordinate leaves the second row without weight.
  if (dy == 0.0 || top + 1 >= in.height) return first;
  row = in.row(top + 1);
  return first + dy * (linear<Pixels>(row + x0, row + x1, dx) - first);
}

template <class Pixels>
typename Pixels::Real bicubic_at(const Source& in, double x, double y) {
  const auto left = floor_of(x);
  const auto top = floor_of(y);
  const double dx = x - static_cast<double>(left);
  const double dy = y - static_cast<double>(top);
  std::array<std::int64_t, 4> at{};
  for (std::int64_t k = 0; k < 4; ++k)
    at[static_cast<std::size_t>(k)] =
        std::clamp<std::int64_t>(left - 1 + k, 0, in.width - 1) * Pixels::kBytes;
  // Whole coordinates, which shears and translations have along one axis, leave one neighbour with
  // weight.
  const auto line = [&](std::int64_t row) {
    return dx == 0.0 ? Pixels::real(Pixels::load(in.row(row) + at[1]))
                     : cubic<Pixels>(in.row(row), at, dx);
  };
  if (dy == 0.0) return line(top);
  // A row beyond the lower edge repeats the one before it; so does Pillow.
  const auto v1 = line(std::max<std::int64_t>(top - 1, 0));
  const auto v2 = top >= 0 ? line(top) : v1;
  const auto v3 = top + 1 < in.height ? line(top + 1) : v2;
  const auto v4 = top + 2 < in.height ? line(top + 2) : v3;
  return cubic(v1, v2, v3, v4, dy);
}

/// Every pixel of `out` whose source lies in the image.
template <class Pixels, bool bicubic>
void resample(const Source& in, const Matrix& m, Image& out) {
  const auto width = static_cast<double>(in.width);
  const auto height = static_cast<double>(in.height);
  for (std::int64_t y = 0; y < out.height; ++y) {
    auto* pixel = out.row(y);
    const double centre_y = static_cast<double>(y) + 0.5;
    const double x_of_row = m[1] * centre_y;
    const double y_of_row = m[4] * centre_y;
    for (std::int64_t x = 0; x < out.width; ++x, pixel += out.channels) {
      const double centre_x = static_cast<double>(x) + 0.5;
      const double from_x = m[0] * centre_x + x_of_row + m[2];
      const double from_y = m[3] * centre_x + y_of_row + m[5];
      if (!(from_x >= 0.0 && from_x < width && from_y >= 0.0 && from_y < height)) continue;
      if constexpr (bicubic)
        Pixels::store(bicubic_at<Pixels>(in, from_x - 0.5, from_y - 0.5), pixel);
      else
        Pixels::store(bilinear_at<Pixels>(in, from_x - 0.5, from_y - 0.5), pixel);
    }
  }
}

template <bool bicubic>
void resample(const Image& image, const Matrix& matrix, Image& out) {
  if (image.channels == 1) {
    resample<GreyPixels, bicubic>({image.pixels.data(), image.width, image.height, image.width},
                                  matrix, out);
    return;
  }
  std::vector<std::uint8_t> wide(static_cast<std::size_t>(image.height * image.width * 4));
  for (std::size_t from = 0, to = 0; to < wide.size(); from += 3, to += 4)
    std::memcpy(&wide[to], &image.pixels[from], 3);
  resample<RgbPixels, bicubic>({wide.data(), image.width * 4, image.height, image.width}, matrix,
                               out);
}

/// Copies the pixel at (`x`, `y`) of `image`, where there is one.
void copy_pixel(const Image& image, std::int64_t x, std::int64_t y, std::uint8_t* out) {
  if (x >= 0 && x < image.width && y >= 0 && y < image.height)
    std::memcpy(out, image.row(y) + x * image.channels, static_cast<std::size_t>(image.channels));
}

std::int64_t coordinate(double value) {
  return value < 0.0 ? -1 : static_cast<std::int64_t>(value);
}

/// Pillow adds up coordinates from pixel to pixel, in double where the axes stay apart.
void nearest_scaled(const Image& image, const Matrix& m, Image& out) {
  std::vector<std::int64_t> columns;
  for (double x = m[2] + m[0] * 0.5; std::ssize(columns) < out.width; x += m[0])
    columns.push_back(coordinate(x));
  double from_y = m[5] + m[4] * 0.5;
  for (std::int64_t y = 0; y < out.height; ++y, from_y += m[4])
    for (std::int64_t x = 0; x < out.width; ++x)
      copy_pixel(image, columns[static_cast<std::size_t>(x)], coordinate(from_y),
                 out.row(y) + x * out.channels);
}

/// The same with 16 bits of fraction, where Pillow's `int` holds every corner.
void nearest_fixed(const Image& image, const Matrix& m, Image& out) {
  const auto fixed = [](double value) { return floor_of(value * 65536.0 + 0.5); };
  auto row_x = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5);
  auto row_y = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
  for (std::int64_t y = 0; y < out.height; ++y) {
    auto from_x = row_x;
    auto from_y = row_y;
    for (std::int64_t x = 0; x < out.width; ++x) {
      copy_pixel(image, from_x >> 16, from_y >> 16, out.row(y) + x * out.channels);
      from_x += fixed(m[0]);
      from_y += fixed(m[3]);
    }
    row_x += fixed(m[1]);
    row_y += fixed(m[4]);
  }
}

void nearest_added(const Image& image, const Matrix& m, Image& out) {
  double row_x = m[2] + m[1] * 0.5 + m[0] * 0.5;
  double row_y = m[5] + m[4] * 0.5 + m[3] * 0.5;
  for (std::int64_t y = 0; y < out.height; ++y, row_x += m[1], row_y += m[4]) {
    double from_x = row_x;
    double from_y = row_y;
    for (std::int64_t x = 0; x < out.width; ++x, from_x += m[0], from_y += m[3])
      copy_pixel(image, coordinate(from_x), coordinate(from_y), out.row(y) + x * out.channels);
  }
}

void nearest_pixels(const Image& image, const Matrix& m, Image& out) {
  if (m[1] == 0.0 && m[3] == 0.0) return nearest_scaled(image, m, out);
  bool fits = true;
  for (const auto x : {0.0, static_cast<double>(out.width)})
    for (const auto y : {0.0, static_cast<double>(out.height)})
      fits = fits && std::fabs(x * m[0] + y * m[1] + m[2]) < 32768.0 &&
             std::fabs(x * m[3] + y * m[4] + m[5]) < 32768.0;
  if (fits)
    nearest_fixed(image, m, out);
  else
    nearest_added(image, m, out);
}

Image filled(const Image& like, const Canvas& canvas) {
  Image out(like.height, like.width, like.channels);
  if (like.channels == 1) {
    std::memset(out.pixels.data(), canvas.fill[0], out.pixels.size());
  } else {
    for (std::size_t i = 0; i < out.pixels.size(); i += 3)
      std::memcpy(&out.pixels[i], canvas.fill.data(), 3);
  }
  return out;
}

}  // namespace

Image affine(const Image& image, const Matrix& matrix, const Canvas& canvas) {
  Image out = filled(image, canvas);
  if (canvas.filter == Filter::kBicubic)
    resample<true>(image, matrix, out);
  else if (canvas.filter == Filter::kBilinear)
    resample<false>(image, matrix, out);
  else if (canvas.filter == Filter::kNearest)
    nearest_pixels(image, matrix, out);
  else
    throw UsageError("an image is turned or moved with nearest, bilinear or bicubic only");
  return out;
}

}  // namespace vit::data::augment
