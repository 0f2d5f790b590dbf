// Files and cameras through cv::VideoCapture.
#pragma once

#include <memory>

#include "vit/data/video.h"

namespace vit::video {

std::unique_ptr<data::FrameSource> open_file(const data::VideoFile& file);
std::unique_ptr<data::FrameSource> open_camera(int number);

}  // namespace vit::video
