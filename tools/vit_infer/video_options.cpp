#include <algorithm>

#include "options.h"
#include "vit/core/error.h"
#include "vit/data/video.h"
#include "vit/pipeline/frames.h"

namespace vit::tools {
namespace {

void check_every(const InferOptions& o, bool videos) {
  if (o.every.empty()) return;
  pipeline::parse_frame_interval(o.every);
  if (!videos || o.validate)
    throw UsageError("--every {}: expected a video or camera:N as INPUT", o.every);
}

void check_annotate(const InferOptions& o) {
  if (o.annotate.empty()) return;
  if (o.inputs.size() != 1 || !data::is_video_name(o.inputs[0]) || o.validate)
    throw UsageError("--annotate: expected one video file as INPUT, and no other");
  if (!data::can_create_video(o.annotate))
    throw UsageError("--annotate {}: expected a name that ends in .mp4, .avi, .mkv or .mov",
                     o.annotate.string());
  if (o.preprocess_only || !o.features.empty() || o.format == "npy")
    throw UsageError("--annotate: expected predictions, which this run does not make");
  if (o.resume) throw UsageError("--annotate cannot be resumed: leave out --annotate or --resume");
}

}  // namespace

void check_video_options(const InferOptions& o) {
  const auto is_camera = [](const std::string& input) {
    return data::camera_number(input).has_value();  // throws on camera:x
  };
  const bool cameras = std::count_if(o.inputs.begin(), o.inputs.end(), is_camera) > 0;
  const bool videos =
      cameras || std::any_of(o.inputs.begin(), o.inputs.end(), [](const auto& input) {
        return input == "-" || data::is_video_name(input);
      });
  check_every(o, videos);
  check_annotate(o);
  if (cameras && o.resume)
    throw UsageError("--resume: the frames of a camera do not come again: leave out --resume");
  if (shard_from_environment().world_size > 1 && (cameras || !o.annotate.empty()))
    throw UsageError("WORLD_SIZE: expected one process for {}, found {}",
                     cameras ? "a camera" : "--annotate", shard_from_environment().world_size);
}

}  // namespace vit::tools
