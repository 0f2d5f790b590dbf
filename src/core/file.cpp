#include "vit/core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>
#include <utility>

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

/// N where `path` is a name of descriptor N of this process, else −1.
int named_descriptor(const fs::path& path) {
  const auto name = path.lexically_normal().string();
  if (name == "/dev/stdout") return 1;
  if (name == "/dev/stderr") return 2;
  for (const std::string prefix : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!name.starts_with(prefix)) continue;
    int number = -1;
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, number);
    if (error == std::errc() && stop == end) return number;
  }
  return -1;
}

/// The random end keeps two writers apart.
fs::path with_random_end(fs::path stem) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::string end = ".";
  for (int i = 0; i < 6; ++i) end += kLetters[random() % kLetters.size()];
  return stem += end;
}

constexpr int kTries = 100;  // for a name that nobody has

/// A new file, and its name in `name`; -1 where none can be made (errno).
int create_named(const fs::path& stem, const std::string& suffix, fs::path& name) {
  for (int tries = 0; tries < kTries; ++tries) {
    auto candidate = with_random_end(stem);
    candidate += suffix;
    const int file = ::open(candidate.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file >= 0) name = std::move(candidate);
    if (file >= 0 || errno != EEXIST) return file;
  }
  return -1;
}

/// A new file without a name, of which a program that is killed leaves nothing; -1 where the file
/// system has none, or nothing could give it a name later.
int open_unnamed(const fs::path& folder) {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  const auto* where = folder.empty() ? "." : folder.c_str();
  return ::open(where, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
}

}  // namespace

OutputTarget find_output_target(const fs::path& path) {
  constexpr int kMaxLinks = 40;  // as the kernel follows
  auto at = path;
  for (int links = 0; links <= kMaxLinks; ++links) {
    if (const int descriptor = named_descriptor(at); descriptor >= 0) return {at, true, descriptor};
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(at, error))) {
      const auto status = fs::status(at, error);
      const bool special =
          fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
      return {at, special, -1};
    }
    const auto link = fs::read_symlink(at, error);
    if (error) throw IoError("{}: cannot be read: {}", at.string(), error.message());
    at = link.is_absolute() ? link : at.parent_path() / link;
  }
  throw IoError("{}: expected a file to write to, found a circle of links", path.string());
}

int open_special(const OutputTarget& target) {
  const int descriptor = target.descriptor >= 0 ? ::fcntl(target.descriptor, F_DUPFD_CLOEXEC, 3)
                                                : ::open(target.path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) throw IoError("{}: cannot be written: {}", target.path.string(), reason());
  return descriptor;
}

AtomicFile::AtomicFile(fs::path path, const std::string& suffix)
    : path_(std::move(path)), target_(find_output_target(path_)) {
  const auto stem = target_.special ? fs::temp_directory_path() / "vit" : target_.path;
  if (suffix.empty()) descriptor_ = open_unnamed(stem.parent_path());
  if (descriptor_ >= 0) return;
  descriptor_ = create_named(stem, suffix, temporary_);
  if (descriptor_ < 0) throw IoError("{}: cannot be written: {}", path_.string(), reason());
  if (!target_.special || !suffix.empty()) return;
  ::unlink(temporary_.c_str());
  temporary_.clear();
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
  if (target_.special) {
    const Descriptor out(open_special(target_));
    copy_to(out.get());
    return;
  }
  const auto expect = [this](bool done) {
    if (!done) throw IoError("{}: cannot be written: {}", path_.string(), reason());
  };
  if (temporary_.empty()) give_name();
  expect(::fsync(descriptor_) == 0);
  expect(::close(std::exchange(descriptor_, -1)) == 0);
  expect(::rename(temporary_.c_str(), target_.path.c_str()) == 0);
  temporary_.clear();
  sync_folder(target_.path.parent_path().empty() ? "." : target_.path.parent_path());
}

void AtomicFile::give_name() {
  const auto file = format("/proc/self/fd/{}", descriptor_);
  for (int tries = 0; tries < kTries; ++tries) {
    auto name = with_random_end(target_.path);
    if (::linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = std::move(name);
      return;
    }
    if (errno != EEXIST) break;
  }
  // Some file systems make such files and let nobody name them: a copy then.
  const int named = create_named(target_.path, "", temporary_);
  if (named < 0) throw IoError("{}: cannot be written: {}", path_.string(), reason());
  const Descriptor closes(named);
  copy_to(named);
  ::dup3(named, descriptor_, O_CLOEXEC);
}

void AtomicFile::copy_to(int out) const {
  std::array<char, 1 << 16> block;
  off_t offset = 0;
  while (true) {
    const auto count = ::pread(descriptor_, block.data(), block.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw IoError("{}: cannot be read back: {}", path_.string(), reason());
    if (count == 0) return;
    offset += count;
    std::string_view rest(block.data(), static_cast<std::size_t>(count));
    while (!rest.empty()) {
      const auto written = ::write(out, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw IoError("{}: cannot be written: {}", path_.string(), reason());
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }
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

}  // namespace vit
