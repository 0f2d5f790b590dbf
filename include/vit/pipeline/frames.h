// Which frames of a video are answered, and the video that shows the answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "vit/core/file.h"
#include "vit/data/video.h"

namespace vit::pipeline {

/// Each `frames`-th frame; or, where `seconds` is above 0, one each so many seconds.
struct FrameInterval {
  std::int64_t frames = 1;
  double seconds = 0;
};

/// `10` (frames) or `0.5s`. Throws UsageError.
FrameInterval parse_frame_interval(const std::string& text);

/// Asked once for every frame, in order.
class FramePicker {
 public:
  explicit FramePicker(const FrameInterval& interval) : interval_(interval) {}
  /// `seconds`: since the first frame. By time, it picks the first frame at or after each multiple
  /// of the interval, and no frame twice.
  bool picks(double seconds);

 private:
  FrameInterval interval_;
  std::int64_t index_ = 0;
  double due_ = 0;
};

/// The frames of a video file, each with the text that was given for it or for the last one before
/// it that was picked. Reads the video a second time, so that no frame waits in memory.
class AnnotatedVideo {
 public:
  /// Writes to a temporary name beside `output`. Throws what open_video and AtomicFile throw.
  AnnotatedVideo(const std::filesystem::path& video, const FrameInterval& interval,
                 const std::filesystem::path& output);
  /// `text` of the next frame that the interval picks. Does nothing where the video breaks off.
  void add(const std::string& text);
  /// Writes the frames after the last one picked and gives the file its name. A video that breaks
  /// off ends there.
  void commit();

 private:
  bool grab();
  void copy_frame();

  std::unique_ptr<data::FrameSource> source_;
  FramePicker picker_;
  AtomicFile file_;
  std::unique_ptr<data::FrameSink> sink_;
  std::string text_;
};

}  // namespace vit::pipeline
