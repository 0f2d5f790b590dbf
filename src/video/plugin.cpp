#include "capture.h"
#include "decoder_log.h"
#include "labelled_video.h"

namespace vit::video {
namespace {

class OpenCvPlugin : public data::VideoPlugin {
 public:
  std::unique_ptr<data::FrameSource> open_file(const data::VideoFile& file) const override {
    return video::open_file(file);
  }
  std::unique_ptr<data::FrameSource> open_camera(int number) const override {
    return video::open_camera(number);
  }
  std::unique_ptr<data::FrameSink> create_file(const std::string& path, double fps) const override {
    return video::create_file(path, fps);
  }
};

}  // namespace
}  // namespace vit::video

/// data::kVideoPluginSymbol: the one function that the plug-in shows.
extern "C" __attribute__((visibility("default"))) const vit::data::VideoPlugin*
vit_video_plugin_1() {
  static const vit::video::OpenCvPlugin plugin;
  vit::video::catch_decoder_log();
  return &plugin;
}
