#include "vit/core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vit/core/error.h"

namespace vit {
namespace fs = std::filesystem;
namespace {

/// Closes a descriptor when the scope ends.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

/// How much gathers in memory before the disk is told to begin; larger pieces are slower to copy.
constexpr std::size_t kWriteBack = 2U << 20;

std::string reason() { return std::strerror(errno); }

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  auto pattern = path_.string() + ".XXXXXX";
  descriptor_ = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor_ < 0) throw IoError("{}: cannot be written: {}", path_.string(), reason());
  temporary_ = pattern;
  const auto mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor_, 0666 & ~mask);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kWriteBack));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw IoError("{}: cannot be written: {}", path_.string(), reason());
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    written_ += static_cast<std::size_t>(written);
    if (written_ - on_its_way_ < kWriteBack) continue;
    // Begun now, so that commit's fsync has little left to wait for. Only a hint: fsync reports.
    ::sync_file_range(descriptor_, static_cast<off_t>(on_its_way_),
                      static_cast<off_t>(written_ - on_its_way_), SYNC_FILE_RANGE_WRITE);
    on_its_way_ = written_;
  }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::commit() {
  const bool synced = ::fsync(descriptor_) == 0;
  const bool closed = ::close(descriptor_) == 0;
  descriptor_ = -1;
  if (!synced || !closed || ::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw IoError("{}: cannot be written: {}", path_.string(), reason());
  temporary_.clear();
  sync_folder(path_.parent_path().empty() ? "." : path_.parent_path());
}

std::string read_file(const fs::path& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) throw IoError("{}: cannot be read: {}", path.string(), reason());
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    throw IoError("{}: expected a regular file", path.string());
  if (static_cast<std::size_t>(status.st_size) > limit)
    throw DataError("{}: expected at most {} bytes, found {}", path.string(), limit,
                    status.st_size);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const auto count = ::read(file.get(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw IoError("{}: cannot be read: {}", path.string(), reason());
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
  return text;
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void sync_folder(const fs::path& folder) {
  const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems refuse to sync a folder (EINVAL): they need no such call.
  if (handle.get() < 0 || (::fsync(handle.get()) != 0 && errno != EINVAL))
    throw IoError("{}: cannot be synced: {}", folder.string(), reason());
}

void check_output(const fs::path& output, const fs::path& input, bool force) {
  std::error_code ignored;
  if (fs::equivalent(output, input, ignored))
    throw UsageError("{}: the output is also an input", output.string());
  if (!force && fs::exists(fs::symlink_status(output, ignored)))
    throw IoError("{}: exists already (--force replaces it)", output.string());
}

}  // namespace vit
