// OpenCV's matrices in and out; the one public header that names OpenCV (it needs opencv_core).
//
//     cv::Mat frame;  // 8-bit BGR, BGRA or grey; any stride, any region of interest
//     const auto logits = predictor.predict(std::span(&frame, 1));  // [1, num_classes]
//
// The pixels are read where they are, and what is predicted is bit for bit what the same image
// gives from a file.
#pragma once

#include <concepts>
#include <cstdint>
#include <opencv2/core/check.hpp>
#include <opencv2/core/mat.hpp>

#include "vit/core/error.h"
#include "vit/core/image_view.h"

namespace vit {

/// The pixels of `mat`, which stays their owner: CV_8UC1 as grey, CV_8UC3 as BGR, CV_8UC4 as BGRA.
/// Throws DataError on another type, on more than two dimensions and on an empty matrix.
inline ImageView view_of(const cv::Mat& mat) {
  const int type = mat.type();
  if (type != CV_8UC1 && type != CV_8UC3 && type != CV_8UC4)
    throw DataError("cv::Mat: expected CV_8UC1, CV_8UC3 (BGR) or CV_8UC4 (BGRA), found {}",
                    cv::typeToString(type));
  if (mat.empty()) throw DataError("cv::Mat: expected pixels, found an empty matrix");
  if (mat.dims != 2) throw DataError("cv::Mat: expected 2 dimensions, found {}", mat.dims);
  return {mat.data, mat.rows, mat.cols, static_cast<std::int64_t>(mat.step[0]),
          type == CV_8UC1   ? ChannelOrder::kGrey
          : type == CV_8UC3 ? ChannelOrder::kBgr
                            : ChannelOrder::kBgra};
}

template <std::derived_from<cv::Mat> T>
struct ImageAccess<T> {
  static ImageView view(const cv::Mat& mat) { return view_of(mat); }
};

/// A copy of a data::Image or an ImageView: grey as CV_8UC1, colour as BGR in CV_8UC3, colour with
/// alpha as BGRA in CV_8UC4. Throws DataError where there are no pixels.
inline cv::Mat to_mat(const ImageView& image) {
  check_image_view(image);
  const auto channels = image.channels();
  cv::Mat mat(static_cast<int>(image.height), static_cast<int>(image.width),
              CV_MAKETYPE(CV_8U, static_cast<int>(channels)));
  for (std::int64_t y = 0; y < image.height; ++y) {
    const auto* from = image.row(y);
    auto* to = mat.ptr<std::uint8_t>(static_cast<int>(y));
    for (std::int64_t x = 0; x < image.width; ++x, from += channels, to += channels)
      for (std::int64_t c = 0; c < channels; ++c)
        to[c] = from[c < 3 && channels > 1 ? image.byte_of(2 - c) : c];
  }
  return mat;
}

}  // namespace vit
