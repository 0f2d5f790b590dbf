#include "vit/data/video.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "container.h"
#include "vit/core/error.h"
#include "vit/core/paths.h"

namespace vit::data {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPluginFile = "libvit_video.so";

const VideoPlugin& open_plugin() {
  const auto path = beside_library_of(reinterpret_cast<const void*>(&is_video_name), kPluginFile);
  if (std::error_code ignored; !fs::exists(path, ignored))
    throw UsageError(
        "videos: expected the plug-in {}, found none (it is built where OpenCV's videoio is)",
        path.string());
  // By its full path: a search path must not choose what is run.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw UsageError("videos: {} cannot be opened: {}", path.string(), dlerror());
  using Factory = const VideoPlugin*();
  auto* const factory = reinterpret_cast<Factory*>(dlsym(library, kVideoPluginSymbol));
  if (factory == nullptr)
    throw UsageError("videos: {}: expected '{}', found another version's plug-in", path.string(),
                     kVideoPluginSymbol);
  return *factory();
}

/// Opened once and never closed.
const VideoPlugin& plugin() {
  static const VideoPlugin& opened = open_plugin();
  return opened;
}

}  // namespace

bool is_video_name(const fs::path& path) {
  return can_create_video(path) || lower_extension(path) == ".webm";
}

bool can_create_video(const fs::path& path) {
  constexpr std::array<const char*, 4> kSuffixes{".mp4", ".avi", ".mkv", ".mov"};
  const auto suffix = lower_extension(path);
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](const char* known) { return suffix == known; });
}

std::optional<int> camera_number(const std::string& text) {
  constexpr std::string_view kPrefix = "camera:";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  int number = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + kPrefix.size(), end, number);
  if (error != std::errc() || stop != end || number < 0)
    throw UsageError("{}: expected camera:N with a number from 0", text);
  return number;
}

std::unique_ptr<FrameSource> open_video(const fs::path& path) {
  const auto container = check_container(path);
  return plugin().open_file({fs::absolute(path).string(), path.string(),
                             container.kind == Container::kAvi, container.cut_short});
}

std::unique_ptr<FrameSource> open_camera(int number) { return plugin().open_camera(number); }

std::unique_ptr<FrameSink> create_video(const fs::path& path, double fps) {
  if (!can_create_video(path))
    throw UsageError("{}: expected a name that ends in .mp4, .avi, .mkv or .mov", path.string());
  return plugin().create_file(fs::absolute(path).string(), fps);
}

}  // namespace vit::data
