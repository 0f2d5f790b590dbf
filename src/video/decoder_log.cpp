#include "decoder_log.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/videoio.hpp>

namespace vit::video {
namespace {

struct DecoderLog {
  std::mutex mutex;
  std::int64_t errors = 0;
  std::string latest;
};

DecoderLog& decoder_log() {
  static DecoderLog log;
  return log;
}

/// FFmpeg's callback: called from any of its threads. `level`: 16 is an error, less is worse.
void hear(void* /*context*/, int level, const char* pattern, std::va_list arguments) {
  constexpr int kError = 16;
  if (level < 0 || (level & 0xFF) > kError) return;
  std::array<char, 256> line{};
  const int length = std::vsnprintf(line.data(), line.size(), pattern, arguments);
  std::string text(line.data(),
                   std::min(line.size() - 1, static_cast<std::size_t>(std::max(length, 0))));
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  auto& log = decoder_log();
  const std::lock_guard lock(log.mutex);
  ++log.errors;
  if (!text.empty()) log.latest = text;
}

int ignore_error(int /*status*/, const char* /*function*/, const char* /*message*/,
                 const char* /*file*/, int /*line*/, void* /*data*/) {
  return 0;
}

void catch_once() {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  cv::redirectError(ignore_error);  // its exceptions still come; they are not printed as well
  // OpenCV sets FFmpeg's log when it is first asked for a video: let that pass.
  cv::VideoCapture().open("/dev/null", cv::CAP_FFMPEG);
  // FFmpeg is a library of OpenCV's: found through this plug-in's, not in the program.
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&catch_decoder_log), &info) == 0) return;
  void* self = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (self == nullptr) return;
  using Callback = void(void*, int, const char*, std::va_list);
  using SetCallback = void(Callback*);
  auto* const set = reinterpret_cast<SetCallback*>(dlsym(self, "av_log_set_callback"));
  if (set != nullptr) set(hear);
  dlclose(self);
}

}  // namespace

void catch_decoder_log() {
  static std::once_flag once;
  std::call_once(once, catch_once);
}

std::int64_t decoder_errors() {
  auto& log = decoder_log();
  const std::lock_guard lock(log.mutex);
  return log.errors;
}

std::string with_decoder_error(const std::string& text, std::int64_t errors) {
  auto& log = decoder_log();
  const std::lock_guard lock(log.mutex);
  return log.errors > errors && !log.latest.empty() ? text + " (" + log.latest + ")" : text;
}

}  // namespace vit::video
