#include "vit/opencv.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/golden.h"
#include "support/small_model.h"
#include "support/tensor_predictor.h"

namespace vit {
namespace {

using vit::testing::GoldenImages;

data::Image photo(std::int64_t channels = 3) {
  return data::decode_image(GoldenImages::path("photo.png"), channels);
}

cv::Mat with_alpha(const cv::Mat& bgr) {
  cv::Mat bgra(bgr.size(), CV_8UC4);
  for (int y = 0; y < bgr.rows; ++y)
    for (int x = 0; x < bgr.cols; ++x) {
      const auto& pixel = bgr.at<cv::Vec3b>(y, x);
      bgra.at<cv::Vec4b>(y, x) = {pixel[0], pixel[1], pixel[2], static_cast<std::uint8_t>(x)};
    }
  return bgra;
}

/// `mat` as a region of interest of a larger one.
cv::Mat in_a_larger_one(const cv::Mat& mat) {
  cv::Mat large(mat.rows + 5, mat.cols + 9, mat.type(), cv::Scalar::all(77));
  cv::Mat region = large(cv::Rect(4, 2, mat.cols, mat.rows));
  mat.copyTo(region);
  return region;
}

TEST(OpenCv, FramesArePredictedBitForBitAsTheFile) {
  const auto predictor = testing::module_predictor(testing::small_model());
  const std::vector<data::Image> file{photo()};
  const auto expected = predictor.predict(file);
  const auto bgr = to_mat(file[0]);
  for (const auto& mat :
       {bgr, with_alpha(bgr), in_a_larger_one(bgr), in_a_larger_one(with_alpha(bgr))}) {
    const std::vector<cv::Mat> frames{mat};
    EXPECT_TRUE(predictor.predict(frames) == expected);
    EXPECT_TRUE(predictor.predict(std::span(&mat, 1)) == expected);
    EXPECT_TRUE(predictor.features(frames, {infer::FeatureKind::kTokens}) ==
                predictor.features(file, {infer::FeatureKind::kTokens}));
    EXPECT_TRUE(predictor.attention(frames, infer::AttentionMethod::kLast) ==
                predictor.attention(file, infer::AttentionMethod::kLast));
  }
}

TEST(OpenCv, GreyFramesArePredictedBitForBitAsTheFile) {
  const auto predictor = testing::module_predictor(testing::small_model());
  const std::vector<data::Image> file{data::convert(photo(1), 3)};
  const std::vector<cv::Mat> frames{in_a_larger_one(to_mat(photo(1)))};
  ASSERT_EQ(frames[0].type(), CV_8UC1);
  EXPECT_TRUE(predictor.predict(frames) == predictor.predict(file));
}

TEST(OpenCv, FramesOfSeveralSizesAreOneBatch) {
  const auto predictor = testing::module_predictor(testing::small_model());
  const auto bgr = to_mat(photo());
  const std::vector<cv::Mat> frames{bgr, bgr(cv::Rect(1, 2, 30, 20))};
  const auto both = predictor.preprocess(frames);
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto alone = predictor.preprocess(std::span(&frames[static_cast<std::size_t>(i)], 1));
    EXPECT_TRUE(std::ranges::equal(both.row(i), alone.row(0))) << i;
  }
}

TEST(OpenCv, AViewCopiesNothing) {
  const auto bgr = to_mat(photo());
  const cv::Mat region = bgr(cv::Rect(3, 2, 20, 10));
  const auto view = view_of(region);
  EXPECT_EQ(view.pixels, region.data);
  EXPECT_EQ(view.height, 10);
  EXPECT_EQ(view.width, 20);
  EXPECT_EQ(view.stride, static_cast<std::int64_t>(bgr.step[0]));
  EXPECT_EQ(view.order, ChannelOrder::kBgr);
}

TEST(OpenCv, AMatrixOfAnotherTypeIsRefusedWithWhatWasExpected) {
  const auto message = [](const cv::Mat& mat) -> std::string {
    try {
      view_of(mat);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(cv::Mat(2, 2, CV_32FC3)),
            "cv::Mat: expected CV_8UC1, CV_8UC3 (BGR) or CV_8UC4 (BGRA), found CV_32FC3");
  EXPECT_NE(message(cv::Mat(2, 2, CV_8UC2)), "");
  EXPECT_NE(message(cv::Mat(2, 2, CV_16UC1)), "");
  EXPECT_EQ(message(cv::Mat()), "cv::Mat: expected pixels, found an empty matrix");
  const std::vector<int> sizes{2, 2, 2};
  EXPECT_EQ(message(cv::Mat(sizes, CV_8UC1)), "cv::Mat: expected 2 dimensions, found 3");
}

TEST(OpenCv, AnImageBecomesAMatrixInOpenCvsOrder) {
  data::Image image(1, 2, 3);
  image.pixels = {1, 2, 3, 4, 5, 6};
  const auto mat = to_mat(image);
  EXPECT_EQ(mat.at<cv::Vec3b>(0, 1), cv::Vec3b(6, 5, 4));
  EXPECT_EQ(data::convert(view_of(mat), 3).pixels, image.pixels);

  const std::vector<std::uint8_t> rgba{1, 2, 3, 4};
  const auto with_alpha = to_mat(ImageView{rgba.data(), 1, 1, 4, ChannelOrder::kRgba});
  EXPECT_EQ(with_alpha.at<cv::Vec4b>(0, 0), cv::Vec4b(3, 2, 1, 4));

  EXPECT_EQ(to_mat(photo(1)).type(), CV_8UC1);
  EXPECT_THROW(to_mat(data::Image()), DataError);
}

}  // namespace
}  // namespace vit
