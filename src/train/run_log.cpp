#include "run_log.h"

#include <array>
#include <sstream>

#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::train {
namespace fs = std::filesystem;
namespace {

constexpr std::array kColumns{"epoch",     "step",      "train_loss", "eval_loss",
                              "eval_top1", "eval_top5", "lr",         "seconds"};

std::string header() {
  std::string text;
  for (const auto* column : kColumns) text += format("{}{}", text.empty() ? "" : ",", column);
  return text + "\n";
}

std::string csv_row(const Json& row) {
  std::string text;
  for (const auto* column : kColumns) {
    if (column != kColumns.front()) text += ",";
    const auto value = row.value(column, Json());
    if (!value.is_null()) text += value.dump();
  }
  return text + "\n";
}

}  // namespace

RunLog::RunLog(const fs::path& folder) { open(folder, "", header()); }

RunLog::RunLog(const fs::path& folder, std::int64_t epoch, std::int64_t step) {
  std::string rows, summary = header();
  std::error_code ignored;
  if (fs::exists(folder / "log.jsonl", ignored)) {
    std::istringstream lines(read_file(folder / "log.jsonl", std::size_t{1} << 32U));
    for (std::string line; std::getline(lines, line);) {
      const auto row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!row.is_object()) continue;  // cut short when the run was killed
      const bool whole_epoch = row.value("event", "") == "epoch";
      const bool kept = whole_epoch ? row.value("epoch", INT64_MAX) <= epoch
                                    : row.value("step", INT64_MAX) <= step;
      if (!kept) continue;
      rows += line + "\n";
      if (whole_epoch) summary += csv_row(row);
    }
  }
  open(folder, rows, summary);
}

void RunLog::open(const fs::path& folder, const std::string& rows, const std::string& summary) {
  folder_ = folder;
  write_file(folder / "log.jsonl", rows);
  write_file(folder / "summary.csv", summary);
  rows_.open(folder / "log.jsonl", std::ios::app);
  summary_.open(folder / "summary.csv", std::ios::app);
}

void RunLog::write(const Json& row) {
  rows_ << row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n" << std::flush;
  if (row.value("event", "") == "epoch") summary_ << csv_row(row) << std::flush;
  if (!rows_ || !summary_)
    throw IoError("{}: log.jsonl or summary.csv cannot be written", folder_.string());
}

}  // namespace vit::train
