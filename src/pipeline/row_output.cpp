#include "vit/pipeline/row_output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "descriptors.h"
#include "growing_output.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::pipeline {
namespace fs = std::filesystem;

struct RowOutput::State {
  RowEncoder encoder;
  fs::path name;  // for messages
  std::optional<GrowingOutput> growing;
  int target = 1;         // where `growing` does not write
  int descriptor = 1;     // that rows are written to: `target`, or
  bool buffered = false;  // an unnamed file that is copied to it at the end
  std::string pending, pending_names;
  std::int64_t rows = 0;
  bool begun = false, closed = false;

  State(RowEncoder encoder_, RowOutputOptions options)
      : encoder(std::move(encoder_)),
        name(options.file.empty() ? fs::path("standard output") : options.file) {
    if (!options.file.empty()) {
      const auto found = find_output_target(options.file);
      if (!found.special) {
        options.file = found.path;
        growing.emplace(encoder, options);
        rows = growing->rows_done();
        return;
      }
      target = open_special(found);
    }
    buffered = is_array();
    if (buffered && target == 1 && ::isatty(1) != 0)
      throw UsageError("an array is not for a terminal: expected -o FILE or a pipe");
    descriptor = buffered ? open_unnamed() : target;
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (buffered) ::close(descriptor);
    if (target != 1) ::close(target);
  }

  bool is_array() const { return encoder.options().format == RowFormat::kNpy; }

  void add(const std::string& input, const std::string& row) {
    pending += row;
    if (growing && is_array()) pending_names += name_line(input);
    ++rows;
  }

  void write_pending() {
    if (growing) {
      growing->append(pending, pending_names);
    } else {
      if (!begun) pending.insert(0, encoder.head());
      begun = true;
      closed = closed || !write_all(descriptor, pending, name);
    }
    pending.clear();
    pending_names.clear();
  }

  /// To where the buffered array was to go.
  void copy_buffered() {
    const auto head = encoder.head(rows);
    if (::pwrite(descriptor, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size()))
      throw IoError("{}: cannot be written: {}", name.string(), std::strerror(errno));
    closed = !copy_all(descriptor, target, name);
  }
};

RowOutput::RowOutput(RowEncoder encoder, RowOutputOptions options)
    : state_(std::make_unique<State>(std::move(encoder), std::move(options))) {}
RowOutput::~RowOutput() = default;

const RowEncoder& RowOutput::encoder() const { return state_->encoder; }

std::int64_t RowOutput::rows_done() const {
  return state_->growing ? state_->growing->rows_done() : 0;
}

std::function<void(const std::string& name)> RowOutput::check_of_rows_done() const {
  if (rows_done() == 0) return [](const std::string&) {};
  return state_->growing->check_of_rows_done();
}

bool RowOutput::resumable() const { return state_->growing.has_value(); }

bool RowOutput::closed() const { return state_->closed; }

void RowOutput::predictions(const Answer& answer) {
  state_->add(answer.name, state_->encoder.predictions(answer, state_->rows == 0));
}

void RowOutput::values(const std::string& name, std::span<const float> values) {
  state_->add(name, state_->encoder.values(values));
}

void RowOutput::error(const std::string& name, const std::string& message) {
  state_->add(name, state_->encoder.error(name, message, state_->rows == 0));
}

void RowOutput::flush() {
  if (state_->growing || !state_->pending.empty()) state_->write_pending();
}

void RowOutput::finish() {
  auto& s = *state_;
  s.pending += s.encoder.tail(s.rows);
  if (s.growing) {
    s.write_pending();
    s.growing->finish(s.is_array() ? s.encoder.head(s.rows) : "");
    return;
  }
  if (!s.pending.empty() || !s.begun) s.write_pending();
  if (s.buffered) s.copy_buffered();
}

std::vector<fs::path> RowOutput::files_of(const fs::path& file, RowFormat format) {
  const auto target = find_output_target(file);
  if (target.special) return {file};
  const auto part = part_of(target.path);
  std::vector<fs::path> files{file, part, sidecar_of(part)};
  if (format != RowFormat::kNpy) return files;
  const auto names = names_file_of(target.path);
  files.insert(files.end(), {names, part_of(names)});
  return files;
}

}  // namespace vit::pipeline
