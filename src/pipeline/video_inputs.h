// The frames of a video or a camera as inputs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vit/data/eval_transform.h"
#include "vit/pipeline/frames.h"
#include "vit/pipeline/inputs.h"

namespace vit::pipeline {

/// Whether `argument` is a video by its name, or `camera:N`.
bool is_video_argument(const std::string& argument);

/// Drawn by one thread. Frames that wait to be loaded hold some 256 MiB at most.
class VideoInputs {
 public:
  /// Opens a video or `camera:N`. Throws what data::open_video and data::open_camera throw.
  VideoInputs(const std::string& argument, const FrameInterval& interval,
              std::function<const data::EvalTransform&()> transform,
              std::function<bool()> cancelled);

  /// `clip.mp4#12`, the next frame that is picked; none at the end or when cancelled. Throws
  /// DataError where the video breaks off, after its last good frame.
  std::optional<data::Sample> next();

 private:
  struct Waiting;

  data::Frame counted(data::Frame frame);

  std::string name_;
  std::unique_ptr<data::FrameSource> source_;
  FramePicker picker_;
  std::function<const data::EvalTransform&()> transform_;
  std::function<bool()> cancelled_;
  std::shared_ptr<Waiting> waiting_;
  std::int64_t frame_ = 0;
};

}  // namespace vit::pipeline
