// The image formats' headers, one function each. All throw DataError; `format` is left unset.
#pragma once

#include <string>

#include "bytes.h"
#include "vit/io/image_header.h"

namespace vit::io {

ImageHeader parse_jpeg(Bytes bytes, const std::string& source);
ImageHeader parse_png(Bytes bytes, const std::string& source);
ImageHeader parse_webp(Bytes bytes, const std::string& source);
ImageHeader parse_bmp(Bytes bytes, const std::string& source);
ImageHeader parse_tiff(Bytes bytes, const std::string& source);

}  // namespace vit::io
