#include "vit/core/folder.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit {
namespace fs = std::filesystem;
namespace {

std::string folder_reason() { return std::strerror(errno); }

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

fs::path parent_of(const fs::path& path) {
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

/// A folder of a name that nothing else has; empty where it cannot be made.
fs::path make_unique(const fs::path& stem) {
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto path = format("{}.{}", stem.string(), random());
    if (::mkdir(path.c_str(), 0777) == 0) return path;
    if (errno != EEXIST) return {};
  }
  return {};
}

/// One entry of the old folder in the new one: the same file by another name, or a copy of it.
bool keep(const fs::path& from, const fs::path& to, dev_t device) {
  const auto status = status_of(from);
  if (!status || status->st_dev != device) return false;  // a mount point
  std::error_code failed;
  if (!S_ISDIR(status->st_mode)) {
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0) == 0) return true;
    fs::copy(from, to, fs::copy_options::copy_symlinks, failed);
    return !failed;
  }
  if (::mkdir(to.c_str(), 0700) != 0) return false;
  for (fs::directory_iterator entry(from, failed), end; !failed && entry != end;
       entry.increment(failed))
    if (!keep(entry->path(), to / entry->path().filename(), device)) return false;
  return !failed && ::chmod(to.c_str(), status->st_mode & 07777) == 0;
}

/// What the old folder holds and the new one lacks. False where something cannot be kept.
bool keep_others(const fs::path& from, const fs::path& to) {
  const auto status = status_of(from);
  if (!status) return false;
  std::error_code failed;
  for (fs::directory_iterator entry(from, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const auto copy = to / entry->path().filename();
    if (!status_of(copy) && !keep(entry->path(), copy, status->st_dev)) return false;
  }
  return !failed && ::chmod(to.c_str(), status->st_mode & 07777) == 0;
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& folder, bool beside)
    : target_(folder.has_filename() ? folder : folder.parent_path()) {
  std::error_code failed;
  if (fs::is_symlink(target_, failed)) target_ = fs::weakly_canonical(target_, failed);
  const auto old = status_of(target_);
  const auto parent = status_of(parent_of(target_));
  beside_ = !old || (beside && parent && parent->st_dev == old->st_dev);
  if (beside_) temporary_ = make_unique(target_);
  if (temporary_.empty() && old) {
    beside_ = false;
    temporary_ = make_unique(target_ / ".new");
  }
  if (temporary_.empty())
    throw IoError("{}: cannot be written: {}", folder.string(), folder_reason());
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicFolder::check_places() const {
  for (const auto& entry : fs::directory_iterator(temporary_)) {
    const auto place = target_ / entry.path().filename();
    if (const auto status = status_of(place); status && S_ISDIR(status->st_mode))
      throw IoError("{}: expected a file to replace, found a folder", place.string());
  }
}

bool AtomicFolder::exchange() {
  std::vector<fs::path> own;
  for (const auto& entry : fs::directory_iterator(temporary_)) own.push_back(entry.path());
  if (keep_others(target_, temporary_)) {
    sync_folder(temporary_);
    if (::syscall(SYS_renameat2, AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(),
                  RENAME_EXCHANGE) == 0)
      return true;
  }
  // Only the new files are to be moved.
  for (const auto& entry : fs::directory_iterator(temporary_))
    if (std::find(own.begin(), own.end(), entry.path()) == own.end()) fs::remove_all(entry.path());
  return false;
}

void AtomicFolder::move_files() {
  struct Move {
    fs::path file, old;
    bool replaced;
  };
  std::vector<Move> done;
  const auto aside = temporary_ / ".old";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(temporary_)) files.push_back(entry.path());
  fs::create_directory(aside);
  std::error_code failed;
  for (const auto& file : files) {
    const auto target = target_ / file.filename();
    const auto old = aside / file.filename();
    const bool replaced = status_of(target).has_value();
    if (replaced) fs::rename(target, old, failed);
    if (!failed) fs::rename(file, target, failed);
    if (failed) {
      std::error_code ignored;
      if (replaced && status_of(old)) fs::rename(old, target, ignored);
      break;
    }
    done.push_back({target, old, replaced});
  }
  if (!failed) return;
  std::error_code ignored;
  for (const auto& move : done) {
    if (move.replaced)
      fs::rename(move.old, move.file, ignored);
    else
      fs::remove_all(move.file, ignored);
  }
  throw IoError("{}: cannot be written: {}", target_.string(), failed.message());
}

void AtomicFolder::commit() {
  sync_folder(temporary_);
  try {
    if (!status_of(target_)) {
      if (::rename(temporary_.c_str(), target_.c_str()) != 0)
        throw IoError("{}: cannot be written: {}", target_.string(), folder_reason());
      temporary_.clear();
    } else {
      check_places();
      if (!beside_ || !exchange()) move_files();
    }
  } catch (const fs::filesystem_error& error) {
    throw IoError("{}: cannot be written: {}", target_.string(), error.code().message());
  }
  sync_folder(parent_of(target_));
}

}  // namespace vit
