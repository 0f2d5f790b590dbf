// Videos and cameras, frame by frame. OpenCV does the work, in a plug-in (libvit_video.so beside
// the program or the library) that is opened when the first of these functions needs it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "vit/core/image_view.h"

namespace vit::data {

/// Frames of more pixels are refused, as images are.
inline constexpr std::int64_t kMaxFramePixels = 100'000'000;

/// One frame; the pixels are there for as long as `memory` is.
struct Frame {
  ImageView pixels;
  std::shared_ptr<const void> memory;
};

/// Frames in order, for one thread at a time.
class FrameSource {
 public:
  virtual ~FrameSource() = default;

  /// Goes to the next frame, from the first on; false at the end. Throws DataError where a video
  /// breaks off or a frame cannot be decoded, IoError where a camera stops.
  virtual bool grab() = 0;
  /// When the frame that `grab` went to is shown: seconds since the first.
  virtual double seconds() const = 0;
  /// The frame that `grab` went to. Throws DataError where it is larger than kMaxFramePixels.
  virtual Frame retrieve() = 0;

  /// Frames a second, as the video or the camera says; 0 where it does not.
  virtual double fps() const = 0;
};

/// A video in the making.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// Adds `frame` with `text` in its corner: white on a dark box. All frames have the size of the
  /// first. Throws DataError, IoError.
  virtual void write(const ImageView& frame, const std::string& text) = 0;
  /// Ends the file. Throws IoError where it does not hold what was written.
  virtual void finish() = 0;
};

/// A video that the plug-in may open.
struct VideoFile {
  std::string path;        ///< absolute: a name with a colon would be a protocol to some decoders
  std::string name;        ///< opens the message of an error
  bool counted = false;    ///< the container counts its frames, all of which must be there
  bool cut_short = false;  ///< the file ends before its container does
};

/// What `libvit_video.so` does. Changed in any way, it gets another kVideoPluginSymbol.
class VideoPlugin {
 public:
  virtual ~VideoPlugin() = default;
  virtual std::unique_ptr<FrameSource> open_file(const VideoFile& file) const = 0;
  virtual std::unique_ptr<FrameSource> open_camera(int number) const = 0;
  virtual std::unique_ptr<FrameSink> create_file(const std::string& path, double fps) const = 0;
};

/// Of the plug-in's one function, `const VideoPlugin* ()`.
inline constexpr const char* kVideoPluginSymbol = "vit_video_plugin_1";

/// Whether a name ends as a video's does: .mp4, .avi, .mkv, .mov, .webm.
bool is_video_name(const std::filesystem::path& path);
/// Whether create_video writes a video of that name: all of these but .webm, for which OpenCV has
/// no quiet way.
bool can_create_video(const std::filesystem::path& path);

/// N of `camera:N`; none where `text` names no camera. Throws UsageError on `camera:` with anything
/// but a number after it.
std::optional<int> camera_number(const std::string& text);

/// Opens a video file. Only AVI, MP4, MOV, Matroska and WebM reach a decoder, whatever the name
/// says. Throws IoError (missing, no regular file), DataError (no video, frames too large),
/// UsageError where the plug-in is missing. One that breaks off is read up to where it does.
std::unique_ptr<FrameSource> open_video(const std::filesystem::path& path);

/// Opens a camera. Throws UsageError where there is none of that number, or no plug-in.
std::unique_ptr<FrameSource> open_camera(int number);

/// Makes a video file, its format by its name. It replaces `path` at once: give a temporary name.
/// Throws UsageError on a name that is no video's or where the plug-in is missing, IoError.
std::unique_ptr<FrameSink> create_video(const std::filesystem::path& path, double fps);

}  // namespace vit::data
