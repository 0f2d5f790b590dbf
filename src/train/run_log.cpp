#include "run_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <sstream>
#include <utility>
#include <vector>

#include "tensorboard.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::train {
namespace fs = std::filesystem;
namespace {

std::string reason() { return std::strerror(errno); }

/// Of summary.csv.
std::vector<std::string> columns(bool multi_label) {
  std::vector<std::string> names{"epoch", "step", "train_loss", "eval_loss"};
  const std::vector<std::string> metrics{"eval_top1", "eval_top5"}, of_many{"eval_map"};
  const auto& chosen = multi_label ? of_many : metrics;
  names.insert(names.end(), chosen.begin(), chosen.end());
  names.insert(names.end(), {"lr", "seconds", "waiting"});
  return names;
}

/// The number under `key`; `other` where there is none (a damaged row).
std::int64_t whole_number(const Json& row, const char* key, std::int64_t other) {
  const auto found = row.find(key);
  return found != row.end() && found->is_number_integer() ? found->get<std::int64_t>() : other;
}

/// Seconds since 1970.
double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool is_epoch(const Json& row) { return row.value("event", Json()) == "epoch"; }

}  // namespace

std::string RunLog::header() const {
  std::string text;
  for (const auto& column : columns(options_.multi_label))
    text += format("{}{}", text.empty() ? "" : ",", column);
  return text + "\n";
}

std::string RunLog::csv_row(const Json& row) const {
  std::string text;
  for (const auto& column : columns(options_.multi_label)) {
    if (!text.empty()) text += ",";
    const auto value = row.value(column, Json());
    if (!value.is_null()) text += value.dump();
  }
  return text + "\n";
}

RunLog::RunLog(const fs::path& folder, Options options) : options_(options) {
  open(folder, "", header(), event_file_header(now()));
}

RunLog::RunLog(const fs::path& folder, Options options, std::int64_t epoch, std::int64_t step)
    : options_(options) {
  std::string rows, summary = header(), events = event_file_header(now());
  std::error_code ignored;
  if (fs::exists(folder / "log.jsonl", ignored)) {
    std::istringstream lines(read_file(folder / "log.jsonl", std::size_t{1} << 32U));
    for (std::string line; std::getline(lines, line);) {
      const auto row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!row.is_object()) continue;  // cut short when the run was killed
      const bool whole_epoch = is_epoch(row);
      const bool kept = whole_epoch ? whole_number(row, "epoch", INT64_MAX) <= epoch
                                    : whole_number(row, "step", INT64_MAX) <= step;
      if (!kept) continue;
      rows += line + "\n";
      if (options_.tensorboard) events += event_record(row, now());
      if (whole_epoch) summary += csv_row(row);
    }
  }
  open(folder, rows, summary, events);
}

void RunLog::open(const fs::path& folder, const std::string& rows, const std::string& summary,
                  const std::string& events) {
  write_file(folder / "log.jsonl", rows);
  write_file(folder / "summary.csv", summary);
  rows_ = Appender(folder / "log.jsonl");
  summary_ = Appender(folder / "summary.csv");
  if (!options_.tensorboard) return;
  write_file(folder / kEventFile, events);
  events_ = Appender(folder / kEventFile);
}

void RunLog::write(const Json& row) {
  rows_.write(row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  if (is_epoch(row)) summary_.write(csv_row(row));
  if (options_.tensorboard) events_.write(event_record(row, now()));
}

RunLog::Appender::Appender(fs::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {
  if (descriptor_ < 0) throw IoError("{}: cannot be written: {}", path_.string(), reason());
}

RunLog::Appender::Appender(Appender&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLog::Appender& RunLog::Appender::operator=(Appender&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

RunLog::Appender::~Appender() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RunLog::Appender::write(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw IoError("{}: cannot be written: {}", path_.string(), reason());
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace vit::train
