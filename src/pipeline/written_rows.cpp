#include "written_rows.h"

#include <algorithm>

#include "vit/core/error.h"
#include "vit/core/json.h"

namespace vit::pipeline {

WrittenRows::WrittenRows(const std::filesystem::path& path, RowFormat format, std::int64_t begin)
    : file_(path, std::ios::binary), format_(format), position_(begin), bytes_(begin) {
  file_.seekg(begin);
  if (!file_) throw IoError("{}: cannot be read", path.string());
}

bool WrittenRows::read_record(std::string& record) {
  record.clear();
  std::string line;
  std::int64_t quotes = 0;
  while (std::getline(file_, line)) {
    cut_off_ = file_.eof();
    record += line;
    quotes += std::count(line.begin(), line.end(), '"');
    if (cut_off_ || format_ != RowFormat::kCsv || quotes % 2 == 0) return true;
    record += '\n';
  }
  cut_off_ = true;
  return !record.empty();
}

std::optional<std::string> WrittenRows::next() {
  std::string record;
  while (read_record(record)) {
    const auto begin = position_;
    const auto length = static_cast<std::int64_t>(record.size());
    position_ += length + 1;
    if (format_ != RowFormat::kJson) {
      if (cut_off_) return std::nullopt;
      bytes_ = position_;
      return record;
    }
    // Rows begin with a newline and are parted by commas; the tail may have been written already.
    if (record.empty()) continue;
    if (record == "]") return std::nullopt;
    const bool comma = record.back() == ',';
    if (comma) record.pop_back();
    if (cut_off_ && !Json::accept(record)) return std::nullopt;
    bytes_ = begin + length - (comma ? 1 : 0);
    return record;
  }
  return std::nullopt;
}

}  // namespace vit::pipeline
