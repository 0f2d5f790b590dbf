// What the decoders have to say, kept from standard error: one line of it closes our own errors.
#pragma once

#include <cstdint>
#include <string>

namespace vit::video {

/// Silences OpenCV and, where OpenCV decodes by a shared FFmpeg, collects FFmpeg's errors. Once.
void catch_decoder_log();

/// Errors so far, of all videos; 0 for ever where they cannot be heard.
std::int64_t decoder_errors();

/// `text`, and in brackets the latest error since `errors` of them, if there is one.
std::string with_decoder_error(const std::string& text, std::int64_t errors);

}  // namespace vit::video
