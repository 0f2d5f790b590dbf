// Images as the bytes of a file.
#pragma once

#include <string>

#include "vit/data/image.h"

namespace vit::data {

/// A PNG (RGB or grey, 8 bits). Throws DataError on an empty image or another channel count.
std::string encode_png(const Image& image);

/// A baseline JPEG. `quality`: 1 … 100. Throws DataError on an empty image or another channel
/// count.
std::string encode_jpeg(const Image& image, int quality = 85);

}  // namespace vit::data
