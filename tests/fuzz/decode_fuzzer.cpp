// libFuzzer over whole decoding: whatever the bytes, an image of the size that the header says or
// a DataError.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "vit/core/error.h"
#include "vit/data/image.h"
#include "vit/io/image_header.h"

namespace {

/// Larger images are legal and slow: they teach the fuzzer nothing that small ones do not.
constexpr std::int64_t kMaxPixels = 1 << 20;

void decode(std::span<const std::byte> bytes, std::int64_t channels) {
  const std::string source = "input";
  const auto header = vit::io::check_image(bytes, source);
  if (header.width * header.height > kMaxPixels) return;
  const auto image = vit::data::decode_image(bytes, source, channels);
  const auto expected = header.width * header.height * channels;
  if (image.channels != channels || static_cast<std::int64_t>(image.pixels.size()) != expected)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const std::int64_t channels : {3, 1}) {
    try {
      decode(std::as_bytes(std::span(data, size)), channels);
    } catch (const vit::DataError&) {
    }
  }
  return 0;
}
