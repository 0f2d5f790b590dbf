#include "growing_output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "descriptors.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"
#include "written_rows.h"

namespace vit::pipeline {
namespace fs = std::filesystem;
namespace {

/// Before anything is opened: what is not there to be replaced stays untouched.
fs::path expect_free(const fs::path& file, const RowOutputOptions& options) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored))
    throw IoError("{}: expected a file, found a folder", file.string());
  if (options.force || !fs::exists(fs::symlink_status(file, ignored))) return file;
  if (options.resume)
    throw IoError("{}: exists already, so there is nothing to resume (`force` begins again)",
                  file.string());
  throw IoError("{}: exists already (`force` replaces it)", file.string());
}

std::unique_ptr<PartFile> open_names(const RowEncoder& encoder, const RowOutputOptions& options) {
  if (encoder.options().format != RowFormat::kNpy) return nullptr;
  const auto names = find_output_target(names_file_of(options.file)).path;
  return std::make_unique<PartFile>(expect_free(names, options));
}

}  // namespace

fs::path names_file_of(const fs::path& file) {
  auto names = file;
  names += ".names.txt";
  return names;
}

std::string name_line(const std::string& name) {
  std::string line;
  for (const char c : printable(name)) {
    if (c == '\n')
      line += "\\x0a";
    else if (c == '\r')
      line += "\\x0d";
    else
      line += c;
  }
  return line + "\n";
}

GrowingOutput::GrowingOutput(const RowEncoder& encoder, const RowOutputOptions& options)
    : encoder_(encoder),
      force_(options.force),
      part_(expect_free(options.file, options)),
      names_(open_names(encoder, options)),
      sidecar_(part_.path(), options.record) {
  expect_ours(options);
  if (!options.resume || part_.found() == 0) return;
  sidecar_.expect_same_run();
  find_rows_done();
}

GrowingOutput::~GrowingOutput() {
  if (!begun_ || has_rows_) return;
  sidecar_.remove();
  if (::ftruncate(part_.descriptor(), 0) != 0) return;
  if (names_ && ::ftruncate(names_->descriptor(), 0) != 0) return;
}

void GrowingOutput::find_rows_done() {
  whole_ = count_whole_rows(part_.path(), encoder_);
  if (!names_) return;
  WrittenRows names(names_->path(), RowFormat::kText, 0);
  std::int64_t lines = 0;
  while (lines < whole_.rows && names.next()) ++lines;
  if (whole_.rows > 0 && lines == 0)
    throw UsageError("{}: cannot be resumed: {}, which says what its rows are of, is missing",
                     part_.path().string(), names_->path().string());
  names_bytes_ = names.bytes();
  if (lines < whole_.rows) whole_ = count_whole_rows(part_.path(), encoder_, lines);
}

/// Only what a run wrote is replaced, and only where somebody says so.
void GrowingOutput::expect_ours(const RowOutputOptions& options) const {
  const bool rows = part_.found() > 0;
  const bool left = rows || (names_ && names_->found() > 0);
  if (rows && options.resume) return;  // what made it is compared
  if (left && !sidecar_.exists())
    throw IoError("{}: exists already, and no {} says that vit-infer wrote it: move it away",
                  (rows ? part_ : *names_).path().string(), sidecar_.path().string());
  if (sidecar_.exists() && !sidecar_.readable())
    throw IoError("{}: exists already, and is no record of a run: move it away",
                  sidecar_.path().string());
  if (left && !options.force && !options.resume)
    throw IoError(
        "{}: exists already, of a run that did not end (`resume` goes on, `force` begins again)",
        (rows ? part_ : *names_).path().string());
}

std::function<void(const std::string& name)> GrowingOutput::check_of_rows_done() const {
  const auto path = names_ ? names_->path() : part_.path();
  const auto begin = names_ ? 0 : static_cast<std::int64_t>(encoder_.head().size());
  const auto row_format = names_ ? RowFormat::kText : encoder_.options().format;
  const auto rows = std::make_shared<WrittenRows>(path, row_format, begin);
  return [rows, path, list = names_ != nullptr, encoder = encoder_,
          number = std::int64_t{0}](const std::string& name) mutable {
    const auto row = rows->next();
    ++number;
    if (row && (list ? *row + "\n" == name_line(name) : encoder.is_row_of(*row, name))) return;
    constexpr std::size_t kShown = 80;
    throw UsageError(
        "{}: row {}: expected the row of input '{}', found {} (the inputs are not those of the run "
        "that began it)",
        path.string(), number, printable(name), row ? one_line(row->substr(0, kShown)) : "none");
  };
}

void GrowingOutput::begin() {
  begun_ = true;
  has_rows_ = whole_.rows > 0;
  // First of all, so that no row is ever without it.
  sidecar_.write();
  part_.keep(whole_.bytes);
  if (whole_.bytes == 0) write_all(part_.descriptor(), encoder_.head(), part_.path());
  if (names_) names_->keep(names_bytes_);
}

void GrowingOutput::append(std::string_view rows, std::string_view names) {
  if (!begun_ && rows.empty()) return;
  if (!begun_) begin();
  sidecar_.complete();
  if (names_) write_all(names_->descriptor(), names, names_->path());
  write_all(part_.descriptor(), rows, part_.path());
  has_rows_ = has_rows_ || !rows.empty();
}

void GrowingOutput::finish(std::string_view head) {
  if (!begun_) begin();
  if (!head.empty() && ::pwrite(part_.descriptor(), head.data(), head.size(), 0) !=
                           static_cast<ssize_t>(head.size()))
    throw IoError("{}: cannot be written: {}", part_.path().string(), std::strerror(errno));
  part_.sync();
  if (names_) names_->sync();
  part_.publish(force_);
  if (names_) names_->publish(force_);
  has_rows_ = true;
  sidecar_.remove();
}

}  // namespace vit::pipeline
