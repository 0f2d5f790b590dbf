#include "vit/data/folder_walk.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "vit/core/error.h"
#include "vit/data/image.h"

namespace vit::data {
namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void FolderWalk::enter(const fs::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0)
    throw IoError("{}: cannot be read: {}", folder.string(), std::strerror(errno));
  Level level;
  level.id = {status.st_dev, status.st_ino};
  const bool circle = std::any_of(levels_.begin(), levels_.end(),
                                  [&](const Level& outer) { return outer.id == level.id; });
  if (circle) return;
  if (options_.entering) options_.entering(folder);
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!options_.hidden && it->path().filename().string().starts_with('.')) continue;
    std::error_code none;
    const bool folder_in_it = it->is_directory(none);  // known without a look at most entries
    if (folder_in_it || is_image_name(it->path()))
      level.entries.push_back({it->path(), folder_in_it});
  }
  if (error) throw IoError("{}: cannot be read: {}", folder.string(), error.message());
  std::sort(level.entries.begin(), level.entries.end(),
            [](const Entry& a, const Entry& b) { return a.path > b.path; });
  levels_.push_back(std::move(level));
}

std::optional<fs::path> FolderWalk::next() {
  if (!started_) {
    started_ = true;
    enter(root_);
  }
  while (!levels_.empty()) {
    if (levels_.back().entries.empty()) {
      levels_.pop_back();
      continue;
    }
    auto entry = std::move(levels_.back().entries.back());
    levels_.back().entries.pop_back();
    if (!entry.is_folder) return std::move(entry.path);
    enter(entry.path);
  }
  return std::nullopt;
}

}  // namespace vit::data
