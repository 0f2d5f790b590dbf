// WebP by libwebp's animation decoder, as Pillow's `src/_webp.c` uses it: the first frame, laid on
// a transparent canvas; alpha is dropped.
#include <webp/demux.h>

#include <memory>

#include "decode.h"
#include "vit/core/error.h"

namespace vit::data {

Image decode_webp(const Encoded& file) {
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  const WebPData data{file.data(), file.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  WebPAnimInfo info;
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0)
    throw DataError("{}: WebP: damaged or cut short", file.source);
  if (info.canvas_height != file.height || info.canvas_width != file.width)
    throw DataError("{}: WebP: two sizes in one file", file.source);
  std::uint8_t* rgba = nullptr;
  int timestamp = 0;
  if (WebPAnimDecoderGetNext(decoder.get(), &rgba, &timestamp) == 0)
    throw DataError("{}: WebP: damaged or cut short", file.source);
  Image image(file.height, file.width, 3);
  for (std::int64_t i = 0; i < file.height * file.width; ++i)
    for (int c = 0; c < 3; ++c) image.pixels[static_cast<std::size_t>(i * 3 + c)] = rgba[i * 4 + c];
  return image;
}

}  // namespace vit::data
