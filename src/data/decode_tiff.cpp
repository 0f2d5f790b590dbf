#include "decode.h"
#include "vit/core/error.h"

namespace vit::data {

Image decode_tiff(const Encoded& file) {
  throw DataError("{}: TIFF pictures are not supported", file.source);
}

}  // namespace vit::data
