// A video file with a line of text on every frame.
#pragma once

#include <memory>
#include <string>

#include "vit/data/video.h"

namespace vit::video {

std::unique_ptr<data::FrameSink> create_file(const std::string& path, double fps);

}  // namespace vit::video
