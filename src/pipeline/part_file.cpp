#include "part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::pipeline {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void throw_unwritable(const fs::path& file) {
  throw IoError("{}: cannot be written: {}", file.string(), std::strerror(errno));
}

/// rename(2) that leaves a `to` that exists alone, where the file system can do that.
int rename_to_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  struct stat status {};
  if (::lstat(to.c_str(), &status) == 0) {
    errno = EEXIST;
    return -1;
  }
  return ::rename(from.c_str(), to.c_str());
}

}  // namespace

fs::path part_of(const fs::path& file) {
  auto part = file;
  part += ".part";
  return part;
}

PartFile::PartFile(fs::path file) : file_(std::move(file)), part_(part_of(file_)) {
  // A process that held it may have renamed it between our open and our lock: look again.
  while (!open()) continue;
}

bool PartFile::open() {
  descriptor_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (descriptor_ < 0 && errno == ELOOP)
    throw IoError("{}: expected a regular file, found a link", part_.string());
  if (descriptor_ < 0) throw_unwritable(part_);
  const auto fail = [&](const char* found) {
    ::close(descriptor_);
    throw IoError("{}: {}", part_.string(), found);
  };
  struct stat opened {
  }, named{};
  if (::fstat(descriptor_, &opened) != 0 || !S_ISREG(opened.st_mode))
    fail("expected a regular file");
  // File systems without locks (ENOLCK, EOPNOTSUPP) go without.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    fail("another run is writing it");
  if (::stat(part_.c_str(), &named) != 0 || named.st_dev != opened.st_dev ||
      named.st_ino != opened.st_ino) {
    ::close(descriptor_);
    return false;
  }
  if (::fstat(descriptor_, &opened) != 0) fail("cannot be read");
  found_ = opened.st_size;
  return true;
}

PartFile::~PartFile() {
  struct stat status {};
  if (!published_ && ::fstat(descriptor_, &status) == 0 && status.st_size == 0)
    ::unlink(part_.c_str());
  ::close(descriptor_);
}

void PartFile::keep(std::int64_t bytes) {
  if (::ftruncate(descriptor_, bytes) != 0 || ::lseek(descriptor_, 0, SEEK_END) < 0)
    throw_unwritable(part_);
}

void PartFile::sync() {
  if (::fsync(descriptor_) != 0) throw_unwritable(part_);
}

void PartFile::publish(bool force) {
  const int renamed = force ? ::rename(part_.c_str(), file_.c_str()) : rename_to_new(part_, file_);
  if (renamed != 0 && errno == EEXIST)
    throw IoError("{}: exists already, made by somebody else meanwhile; what was written is in {}",
                  file_.string(), part_.string());
  if (renamed != 0) throw_unwritable(file_);
  published_ = true;
  sync_folder(file_.parent_path().empty() ? "." : file_.parent_path());
}

}  // namespace vit::pipeline
