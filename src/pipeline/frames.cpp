#include "vit/pipeline/frames.h"

#include <charconv>
#include <cmath>

#include "vit/core/error.h"

namespace vit::pipeline {
namespace {

/// Rates that a video may have where it does not say.
constexpr double kUsualRate = 25;

}  // namespace

FrameInterval parse_frame_interval(const std::string& text) {
  const auto refuse = [&] {
    return UsageError(
        "every: expected a number of frames (10) or of seconds (0.5s) from 1 to 1e9, found '{}'",
        text);
  };
  constexpr double kMost = 1e9;
  const char* end = text.data() + text.size();
  FrameInterval interval;
  if (text.ends_with('s')) {
    const auto [stop, error] = std::from_chars(text.data(), end - 1, interval.seconds);
    if (error != std::errc() || stop != end - 1 || !(interval.seconds >= 1e-3) ||
        !(interval.seconds <= kMost))
      throw refuse();
    return interval;
  }
  const auto [stop, error] = std::from_chars(text.data(), end, interval.frames);
  if (error != std::errc() || stop != end || interval.frames < 1 ||
      static_cast<double>(interval.frames) > kMost)
    throw refuse();
  return interval;
}

bool FramePicker::picks(double seconds) {
  if (interval_.seconds <= 0) return index_++ % interval_.frames == 0;
  constexpr double kSlack = 1e-6;  // 0.5 s, said as 499.9999999 ms
  if (seconds + kSlack < due_) return false;
  due_ = (std::floor((seconds + kSlack) / interval_.seconds) + 1) * interval_.seconds;
  return true;
}

AnnotatedVideo::AnnotatedVideo(const std::filesystem::path& video, const FrameInterval& interval,
                               const std::filesystem::path& output)
    : source_(data::open_video(video)),
      picker_(interval),
      file_(output, output.extension().string()),
      sink_(data::create_video(file_.temporary(),
                               source_->fps() > 0 ? source_->fps() : kUsualRate)) {}

bool AnnotatedVideo::grab() {
  try {
    return source_->grab();
  } catch (const DataError&) {  // said where the rows are: this is the same video
    return false;
  }
}

void AnnotatedVideo::copy_frame() { sink_->write(source_->retrieve().pixels, text_); }

void AnnotatedVideo::add(const std::string& text) {
  while (grab()) {
    const bool picked = picker_.picks(source_->seconds());
    if (picked) text_ = text;
    copy_frame();
    if (picked) return;
  }
}

void AnnotatedVideo::commit() {
  while (grab()) copy_frame();
  sink_->finish();
  file_.commit();
}

}  // namespace vit::pipeline
