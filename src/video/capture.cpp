#include "capture.h"

#include <chrono>
#include <cmath>
#include <opencv2/videoio.hpp>

#include "decoder_log.h"
#include "vit/core/error.h"
#include "vit/opencv.h"

namespace vit::video {
namespace {

void check_size(const std::string& name, double width, double height) {
  if (width * height > static_cast<double>(data::kMaxFramePixels))
    throw DataError("{}: expected frames of at most {} pixels, found {} x {}", name,
                    data::kMaxFramePixels, width, height);
}

/// A copy of the frame in memory of its own, as OpenCV gives it.
data::Frame retrieve_frame(cv::VideoCapture& capture, const std::string& name, std::int64_t frame) {
  auto mat = std::make_shared<cv::Mat>();
  if (!capture.retrieve(*mat) || mat->empty())
    throw DataError("{}: frame {} cannot be decoded", name, frame);
  check_size(name, mat->cols, mat->rows);
  try {
    const auto pixels = view_of(*mat);
    return {pixels, std::move(mat)};
  } catch (const DataError& error) {
    throw DataError("{}: frame {}: {}", name, frame, error.what());
  }
}

double frame_rate(const cv::VideoCapture& capture) {
  const double fps = capture.get(cv::CAP_PROP_FPS);
  return std::isfinite(fps) && fps > 0 && fps < 1e6 ? fps : 0;
}

class FileCapture : public data::FrameSource {
 public:
  explicit FileCapture(const data::VideoFile& file) : file_(file), errors_(decoder_errors()) {
    // FFmpeg, or OpenCV's own reader of Motion JPEG; never a backend that would take the name for
    // an address, a pattern of file names or a pipeline.
    const std::vector<int> parameters{cv::CAP_PROP_HW_ACCELERATION, cv::VIDEO_ACCELERATION_NONE};
    if (!capture_.open(file.path, cv::CAP_FFMPEG, parameters) &&
        !capture_.open(file.path, cv::CAP_OPENCV_MJPEG))
      throw DataError(
          "{}",
          with_decoder_error(
              format("{}: expected a video, found none that can be decoded", file.name), errors_));
    check_size(file.name, capture_.get(cv::CAP_PROP_FRAME_WIDTH),
               capture_.get(cv::CAP_PROP_FRAME_HEIGHT));
    errors_ = decoder_errors();
    fps_ = frame_rate(capture_);
    const double count = capture_.get(cv::CAP_PROP_FRAME_COUNT);
    if (file.counted && count > 0 && count < 1e9) expected_ = static_cast<std::int64_t>(count);
  }

  bool grab() override {
    if (!capture_.grab()) {
      check_end();
      return false;
    }
    const auto before = seconds_;
    const double time = capture_.get(cv::CAP_PROP_POS_MSEC) / 1000;
    if (frames_++ == 0) first_ = time;
    seconds_ = time - first_;
    check_gap(before);
    return true;
  }

  double seconds() const override { return seconds_; }
  data::Frame retrieve() override { return retrieve_frame(capture_, file_.name, frames_ - 1); }
  double fps() const override { return fps_; }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError("{}", with_decoder_error(format("{}: {}", file_.name, what), errors_));
  }

  /// A decoder leaves out a frame that it cannot make sense of, with no more than an error in its
  /// log. Neither an error nor a gap in time alone means that a frame is missing.
  void check_gap(double before) {
    if (fps_ == 0 || frames_ < 2 || seconds_ - before < 1.5 / fps_) return;
    if (decoder_errors() > errors_) fail(format("frame {} cannot be decoded", frames_ - 1));
  }

  void check_end() const {
    if (file_.cut_short) fail(format("cut short after {} frames", frames_));
    if (frames_ < expected_) fail(format("expected {} frames, found {}", expected_, frames_));
    if (frames_ == 0) fail("expected a video, found no frame");
    if (decoder_errors() > errors_) fail(format("breaks off after {} frames", frames_));
  }

  data::VideoFile file_;
  cv::VideoCapture capture_;
  std::int64_t errors_;
  std::int64_t expected_ = 0;  // 0: not known
  std::int64_t frames_ = 0;
  double fps_ = 0;
  double first_ = 0;
  double seconds_ = 0;
};

class CameraCapture : public data::FrameSource {
 public:
  explicit CameraCapture(int number) : name_(format("camera:{}", number)) {
#ifdef __linux__
    constexpr int kBackend = cv::CAP_V4L2;
#else
    constexpr int kBackend = cv::CAP_ANY;
#endif
    if (!capture_.open(number, kBackend))
      throw UsageError("{}: expected a camera of that number, found none that opens", name_);
    check_size(name_, capture_.get(cv::CAP_PROP_FRAME_WIDTH),
               capture_.get(cv::CAP_PROP_FRAME_HEIGHT));
  }

  bool grab() override {
    if (!capture_.grab()) throw IoError("{}: stopped after {} frames", name_, frames_);
    const auto now = std::chrono::steady_clock::now();
    if (frames_++ == 0) first_ = now;
    seconds_ = std::chrono::duration<double>(now - first_).count();
    return true;
  }

  double seconds() const override { return seconds_; }
  data::Frame retrieve() override { return retrieve_frame(capture_, name_, frames_ - 1); }
  double fps() const override { return frame_rate(capture_); }

 private:
  std::string name_;
  cv::VideoCapture capture_;
  std::int64_t frames_ = 0;
  std::chrono::steady_clock::time_point first_;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<data::FrameSource> open_file(const data::VideoFile& file) {
  return std::make_unique<FileCapture>(file);
}

std::unique_ptr<data::FrameSource> open_camera(int number) {
  return std::make_unique<CameraCapture>(number);
}

}  // namespace vit::video
