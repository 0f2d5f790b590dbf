#include "vit/kernels/resize.h"

#include <gtest/gtest.h>

#include <tuple>

#include "vit/core/random.h"

namespace vit::kernels {
namespace {

std::vector<std::uint8_t> noise(std::int64_t count) {
  Random random(1);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  // Mostly the extremes: they make the largest sums and the most clipping.
  for (auto& byte : bytes) {
    const auto value = random.next();
    byte = static_cast<std::uint8_t>(value % 3 == 0 ? value >> 8U : value % 3 == 1 ? 0 : 255);
  }
  return bytes;
}

constexpr ResizeFilter kFilters[] = {ResizeFilter::kBox, ResizeFilter::kBilinear,
                                     ResizeFilter::kHamming, ResizeFilter::kBicubic,
                                     ResizeFilter::kLanczos};
constexpr std::pair<std::int64_t, std::int64_t> kSizes[] = {
    {1, 1}, {1, 9}, {2, 1}, {3, 17}, {33, 8}, {100, 7}, {7, 100}, {257, 64}, {5000, 3}, {31, 33}};

TEST(ResizeKernels, HorizontalGivesThePortableBytes) {
  for (const auto filter : kFilters)
    for (const auto& [in, out] : kSizes)
      for (const std::int64_t channels : {1, 3, 4})
        for (const std::int64_t rows : {1, 4, 5, 11}) {
          const auto axis = make_resize_axis(in, out, filter, 0, out);
          // Exactly as much memory as there is image: reading beyond it is an error that the
          // sanitizer sees.
          const auto pixels = noise(rows * in * channels);
          std::vector<std::uint8_t> fast(static_cast<std::size_t>(rows * out * channels));
          auto plain = fast;
          const Rows from{pixels.data(), in * channels};
          resize_horizontal(from, rows, in * channels, channels, axis, fast.data());
          portable::resize_horizontal(from, rows, in * channels, channels, axis, plain.data());
          EXPECT_EQ(fast, plain) << in << " to " << out << ", " << channels << " channels, " << rows
                                 << " rows";
        }
}

TEST(ResizeKernels, VerticalGivesThePortableBytes) {
  for (const auto filter : kFilters)
    for (const auto& [in, out] : kSizes)
      for (const std::int64_t row_bytes : {1, 31, 32, 33, 100}) {
        const auto axis = make_resize_axis(in, out, filter, 0, out);
        const auto pixels = noise(in * row_bytes);
        std::vector<std::uint8_t> fast(static_cast<std::size_t>(out * row_bytes));
        auto plain = fast;
        const Rows from{pixels.data(), row_bytes};
        resize_vertical(from, 0, row_bytes, axis, fast.data());
        portable::resize_vertical(from, 0, row_bytes, axis, plain.data());
        EXPECT_EQ(fast, plain) << in << " to " << out << ", rows of " << row_bytes;
      }
}

TEST(ResizeAxis, OfAPartIsAPartOfTheAxis) {
  const auto whole = make_resize_axis(100, 37, ResizeFilter::kBicubic, 0, 37);
  const auto part = make_resize_axis(100, 37, ResizeFilter::kBicubic, 5, 9);
  ASSERT_EQ(part.size(), 4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(part.first[i], whole.first[i + 5]);
    EXPECT_EQ(part.count[i], whole.count[i + 5]);
  }
  EXPECT_EQ(part.input_begin(), whole.first[5]);
  EXPECT_EQ(part.input_end(), whole.first[8] + whole.count[8]);
}

TEST(ResizeAxis, WeightsAddUpToOne) {
  for (const auto filter : kFilters)
    for (const auto& [in, out] : kSizes) {
      const auto axis = make_resize_axis(in, out, filter, 0, out);
      for (std::int64_t i = 0; i < out; ++i) {
        std::int64_t sum = 0;
        for (std::int64_t k = 0; k < axis.taps; ++k)
          sum += axis.weights[static_cast<std::size_t>(i * axis.taps + k)];
        // Each of the weights is rounded by at most a half.
        EXPECT_NEAR(static_cast<double>(sum), 1 << 22, static_cast<double>(axis.taps) / 2);
      }
    }
}

TEST(NearestInputs, StayInside) {
  for (const auto& [in, out] : kSizes)
    for (const auto input : nearest_inputs(in, out, 0, out)) {
      EXPECT_GE(input, 0);
      EXPECT_LT(input, in);
    }
}

}  // namespace
}  // namespace vit::kernels
