#include <span>

#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/sha256.h"
#include "vit/core/text.h"
#include "vit/pipeline/overlay.h"

namespace vit::pipeline {
namespace fs = std::filesystem;
namespace {

/// File systems take names of 255 bytes; the rest is for the digest and a temporary suffix.
constexpr std::size_t kLongestStem = 200;

/// At most kLongestStem bytes, no character cut in two.
std::string short_stem(const fs::path& input) {
  const auto stem = input.stem().string();
  std::size_t end = 0;
  while (end < stem.size()) {
    const auto length = std::max<std::size_t>(utf8_length(std::string_view(stem).substr(end)), 1);
    if (end + length > kLongestStem) break;
    end += length;
  }
  return stem.substr(0, end);
}

}  // namespace

OverlayFolder::OverlayFolder(fs::path folder, bool force, FileRoles* roles)
    : folder_(std::move(folder)), force_(force), roles_(roles) {
  if (roles_ != nullptr) roles_->writes_folder(folder_);
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error || !fs::is_directory(folder_))
    throw IoError("{}: expected a folder for overlays: {}", folder_.string(),
                  error ? error.message() : "found something else");
}

fs::path OverlayFolder::path_of(const std::string& input) const {
  constexpr std::size_t kDigits = 16;
  const auto digest = sha256(std::as_bytes(std::span(input))).substr(0, kDigits);
  return folder_ / (short_stem(input) + "-" + digest + ".png");
}

void OverlayFolder::write(const std::string& input, const std::string& png) {
  const auto path = path_of(input);
  if (roles_ != nullptr) roles_->writes_into_folder(path);
  // An input that is named twice has one overlay.
  const bool again = !written_.insert(path.filename().string()).second;
  std::error_code ignored;
  if (!force_ && !again && fs::exists(fs::symlink_status(path, ignored)))
    throw IoError("{}: exists already (`force` replaces it)", path.string());
  write_file(path, png);
}

}  // namespace vit::pipeline
