#include "vit/infer/row_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::infer {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void cannot_write(const fs::path& file) {
  throw IoError("{}: cannot be written: {}", file.string(), std::strerror(errno));
}

/// A device or a pipe: it has no whole form that could appear at the end.
bool is_special(const fs::path& file) {
  const auto status = fs::status(file);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

int open_temporary() {
  auto pattern = (fs::temp_directory_path() / "vit-infer-XXXXXX").string();
  const int descriptor = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor < 0) cannot_write(pattern);
  ::unlink(pattern.c_str());
  return descriptor;
}

}  // namespace

RowOutput::RowOutput(RowEncoder encoder, const RowOutputOptions& options)
    : encoder_(std::move(encoder)), file_(options.file) {
  const bool array = encoder_.options().format == RowFormat::kNpy;
  if (file_.empty() || is_special(file_)) {
    if (!file_.empty()) {
      descriptor_ = ::open(file_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) cannot_write(file_);
      owned_ = true;
    }
    if (array) {
      if (!owned_ && ::isatty(1) != 0)
        throw UsageError("an array is not for a terminal: expected -o FILE or a pipe");
      regular_ = true;
      if (owned_) ::close(descriptor_);
      descriptor_ = open_temporary();
      owned_ = true;
    }
    return;
  }
  part_ = file_;
  part_ += ".part";
  if (fs::exists(fs::symlink_status(file_)) && !options.force) {
    if (!options.resume) throw IoError("{}: exists already (--force replaces it)", file_.string());
    complete_ = true;
    return;
  }
  if (fs::is_directory(file_)) throw IoError("{}: expected a file, found a folder", file_.string());
  const bool left = fs::exists(part_);
  if (left && !options.force && !options.resume)
    throw IoError(
        "{}: exists already, of a run that did not end (--resume goes on, --force begins again)",
        part_.string());
  WholeRows whole;
  if (left && options.resume) whole = count_whole_rows(part_, encoder_);
  descriptor_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) cannot_write(part_);
  owned_ = regular_ = true;
  if (::ftruncate(descriptor_, whole.bytes) != 0 || ::lseek(descriptor_, 0, SEEK_END) < 0)
    cannot_write(part_);
  rows_done_ = rows_ = whole.rows;
  started_ = whole.bytes > 0;
}

RowOutput::~RowOutput() {
  if (owned_) ::close(descriptor_);
}

void RowOutput::write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty() && !closed_) {
    const auto count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EPIPE) {
      closed_ = true;
      return;
    }
    if (count < 0) cannot_write(file_.empty() ? fs::path("standard output") : file_);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void RowOutput::add(std::string row) {
  pending_ += row;
  ++rows_;
}

void RowOutput::predictions(const std::string& name, std::span<const Prediction> topk) {
  add(encoder_.predictions(name, topk, rows_ == 0));
}

void RowOutput::values(std::span<const float> values) { add(encoder_.values(values)); }

void RowOutput::error(const std::string& name, const std::string& message) {
  add(encoder_.error(name, message, rows_ == 0));
}

void RowOutput::flush() {
  if (complete_) return;
  if (!started_) pending_.insert(0, encoder_.head());
  started_ = true;
  write_all(descriptor_, pending_);
  pending_.clear();
}

void RowOutput::finish() {
  if (complete_) return;
  pending_ += encoder_.tail(rows_);
  flush();
  if (encoder_.options().format == RowFormat::kNpy && !closed_) {
    const auto head = encoder_.head(rows_);
    if (::pwrite(descriptor_, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size()))
      cannot_write(file_);
  }
  if (part_.empty()) {
    if (regular_) copy_to_stdout();
    return;
  }
  if (::fsync(descriptor_) != 0 || ::rename(part_.c_str(), file_.c_str()) != 0) cannot_write(file_);
  sync_folder(file_.parent_path().empty() ? "." : file_.parent_path());
}

void RowOutput::copy_to_stdout() {
  int target = 1;
  if (!file_.empty() && (target = ::open(file_.c_str(), O_WRONLY | O_CLOEXEC)) < 0)
    cannot_write(file_);
  std::array<char, 1 << 16> block;
  ::lseek(descriptor_, 0, SEEK_SET);
  ssize_t count = 0;
  while ((count = ::read(descriptor_, block.data(), block.size())) > 0 && !closed_)
    write_all(target, {block.data(), static_cast<std::size_t>(count)});
  if (target != 1) ::close(target);
}

}  // namespace vit::infer
