#include "labelled_video.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <vector>

#include "decoder_log.h"
#include "vit/core/error.h"
#include "vit/core/paths.h"
#include "vit/opencv.h"

namespace vit::video {
namespace {

/// OpenCV's fonts have ASCII alone: any other character becomes one '?'.
std::string ascii(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      out += byte < ' ' ? ' ' : c;
    else if (byte >= 0xC0)  // the first byte of a character in UTF-8
      out += '?';
  }
  return out;
}

/// White on a dark box at the top left: legible whatever is behind it. Small enough for the frame.
void draw_label(cv::Mat& frame, const std::string& text) {
  if (text.empty()) return;
  constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
  constexpr double kPixelsPerScale = 22;  // height of a capital letter
  double scale = std::max(frame.rows / 18.0 / kPixelsPerScale, 0.3);
  int thickness = std::max(1, static_cast<int>(scale * 2));
  int baseline = 0;
  auto size = cv::getTextSize(text, kFont, scale, thickness, &baseline);
  if (const double room = frame.cols * 0.96; size.width > room) {
    scale *= room / size.width;
    thickness = std::max(1, static_cast<int>(scale * 2));
    size = cv::getTextSize(text, kFont, scale, thickness, &baseline);
  }
  const int margin = std::max(2, size.height / 2);
  const cv::Rect box =
      cv::Rect(0, 0, size.width + 2 * margin, size.height + baseline + 2 * margin) &
      cv::Rect(0, 0, frame.cols, frame.rows);
  cv::Mat behind = frame(box);
  behind.convertTo(behind, -1, 0.25);
  cv::putText(frame, text, {margin, margin + size.height}, kFont, scale, cv::Scalar::all(255),
              thickness, cv::LINE_AA);
}

/// What may be in a container, the better first; what this OpenCV cannot encode is passed over.
std::vector<int> codecs(const std::string& path) {
  const auto extension = lower_extension(path);
  const int h264 = cv::VideoWriter::fourcc('a', 'v', 'c', '1');
  const int mpeg4 = cv::VideoWriter::fourcc('m', 'p', '4', 'v');
  const int jpeg = cv::VideoWriter::fourcc('M', 'J', 'P', 'G');
  if (extension == ".avi") return {jpeg};
  if (extension == ".mkv") return {cv::VideoWriter::fourcc('X', '2', '6', '4'), h264, mpeg4, jpeg};
  return {h264, mpeg4};
}

class LabelledVideo : public data::FrameSink {
 public:
  LabelledVideo(std::string path, double fps) : path_(std::move(path)), fps_(fps) {}

  void write(const ImageView& frame, const std::string& text) override {
    auto mat = to_bgr(frame);
    if (!writer_.isOpened()) open(mat.size());
    if (mat.size() != size_)
      throw DataError("{}: expected frames of {} x {}, found {} x {}", path_, size_.width,
                      size_.height, mat.cols, mat.rows);
    draw_label(mat, ascii(text));
    writer_.write(mat);
    ++frames_;
  }

  void finish() override {
    writer_.release();
    // OpenCV does not say where a disk was full: read back how much there is.
    cv::VideoCapture written;
    if (!written.open(path_, cv::CAP_FFMPEG)) written.open(path_, cv::CAP_OPENCV_MJPEG);
    const auto count = static_cast<std::int64_t>(written.get(cv::CAP_PROP_FRAME_COUNT));
    if (frames_ > 0 && (!written.isOpened() || count < frames_ - 1))
      throw IoError("{}: cannot be written: expected {} frames, found {}", path_, frames_,
                    written.isOpened() ? count : 0);
  }

 private:
  static cv::Mat to_bgr(const ImageView& frame) {
    auto mat = to_mat(frame);
    if (mat.channels() == 1) cv::cvtColor(mat, mat, cv::COLOR_GRAY2BGR);
    if (mat.channels() == 4) cv::cvtColor(mat, mat, cv::COLOR_BGRA2BGR);
    return mat;
  }

  void open(cv::Size size) {
    size_ = size;
    const auto errors = decoder_errors();
    for (const int backend : {cv::CAP_FFMPEG, cv::CAP_OPENCV_MJPEG})
      for (const int codec : codecs(path_))
        if (writer_.open(path_, backend, codec, fps_, size)) return;
    throw IoError(
        "{}",
        with_decoder_error(format("{}: cannot be written: OpenCV has no encoder that takes {} x {}",
                                  path_, size.width, size.height),
                           errors));
  }

  std::string path_;
  double fps_;
  cv::Size size_;
  cv::VideoWriter writer_;
  std::int64_t frames_ = 0;
};

}  // namespace

std::unique_ptr<data::FrameSink> create_file(const std::string& path, double fps) {
  return std::make_unique<LabelledVideo>(path, fps);
}

}  // namespace vit::video
