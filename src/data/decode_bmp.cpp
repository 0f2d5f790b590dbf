#include "decode.h"
#include "vit/core/error.h"

namespace vit::data {

Image decode_bmp(const Encoded& file) {
  throw DataError("{}: BMP pictures are not supported", file.source);
}

}  // namespace vit::data
