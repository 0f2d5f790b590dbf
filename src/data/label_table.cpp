#include "vit/data/label_table.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "file_dataset.h"
#include "vit/core/byte_order_mark.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"

namespace vit::data {
namespace fs = std::filesystem;
namespace {

/// The fields of a CSV, line by line.
class CsvReader {
 public:
  CsvReader(std::string text, std::string name) : text_(std::move(text)), name_(std::move(name)) {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  /// False at the end. Empty lines are passed over.
  bool next(std::vector<std::string>& fields) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r'))
      line_ += take() == '\n';
    if (at_ == text_.size()) return false;
    fields.clear();
    begin_ = line_;
    while (true) {
      fields.push_back(field());
      if (at_ == text_.size()) return true;
      if (const char end = take(); end == ',') continue;
      if (text_[at_ - 1] == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
      ++line_;
      return true;
    }
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw DataError("{}: line {}: {}", name_, begin_, what);
  }

 private:
  char take() { return text_[at_++]; }

  std::string field() {
    std::string value;
    if (at_ < text_.size() && text_[at_] == '"') {
      ++at_;
      while (true) {
        if (at_ == text_.size()) fail("expected a closing quote, found the end");
        const char c = take();
        if (c == '\n') ++line_;
        if (c == '"' && (at_ == text_.size() || text_[at_] != '"')) break;
        if (c == '"') ++at_;
        value += c;
      }
    }
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r')
      value += take();
    return value;
  }

  std::string text_, name_;
  std::size_t at_ = 0;
  int line_ = 1, begin_ = 1;
};

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find_first_of(";|", at), text.size());
    auto name = text.substr(at, end - at);
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    if (!name.empty()) names.push_back(std::move(name));
    at = end + 1;
  }
  return names;
}

/// A column a class.
void read_columns(CsvReader& csv, LabelTable& table) {
  std::vector<std::string> fields;
  while (csv.next(fields)) {
    if (fields.size() != table.classes.size() + 1)
      csv.fail(format("expected {} fields, found {}", table.classes.size() + 1, fields.size()));
    LabelTable::Row row{fields[0], {}};
    for (std::size_t i = 1; i < fields.size(); ++i) {
      if (fields[i] != "0" && fields[i] != "1")
        csv.fail(
            format("expected 0 or 1 for '{}', found '{}'{}", printable(table.classes[i - 1]),
                   printable(fields[i]),
                   fields.size() == 2 ? " (a column of names is called labels or classes)" : ""));
      if (fields[i] == "1") row.classes.push_back(static_cast<std::int64_t>(i) - 1);
    }
    table.rows.push_back(std::move(row));
  }
}

/// One column with names.
void read_names(CsvReader& csv, LabelTable& table) {
  std::vector<std::string> fields;
  std::vector<std::vector<std::string>> names;
  std::set<std::string> classes;
  while (csv.next(fields)) {
    if (fields.size() != 2) csv.fail(format("expected 2 fields, found {}", fields.size()));
    table.rows.push_back({fields[0], {}});
    names.push_back(split_names(fields[1]));
    classes.insert(names.back().begin(), names.back().end());
  }
  table.classes.assign(classes.begin(), classes.end());
  std::map<std::string, std::int64_t> index;
  for (const auto& name : table.classes) index.emplace(name, std::ssize(index));
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::set<std::int64_t> of_row;
    for (const auto& name : names[i]) of_row.insert(index.at(name));
    table.rows[i].classes.assign(of_row.begin(), of_row.end());
  }
}

void check_names(const LabelTable& table) {
  const auto name = table.path.string();
  if (table.rows.empty() || table.classes.empty())
    throw DataError("{}: expected images and classes, found {} and {}", name, table.rows.size(),
                    table.classes.size());
  std::set<std::string> seen;
  for (const auto& one : table.classes)
    if (one.empty() || !seen.insert(one).second)
      throw DataError("{}: expected a name of its own for each class, found '{}'", name,
                      printable(one));
  seen.clear();
  for (const auto& row : table.rows)
    if (!seen.insert(fs::path(row.file).lexically_normal().string()).second)
      throw DataError("{}: expected each file once, found '{}' again", name, printable(row.file));
}

/// Without `.`, `..` and a separator at the end; empty: the folder itself.
fs::path plain_folder(const fs::path& folder) {
  auto plain = folder.lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  return plain == "." ? fs::path() : plain;
}

/// Whether `file` is below `folder`, both plain and relative to the same place.
bool is_below(const fs::path& file, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first ==
         folder.end();
}

std::vector<fs::path> files_of(const fs::path& folder, const std::vector<LabelTable::Row>& rows) {
  std::vector<fs::path> files;
  files.reserve(rows.size());
  for (const auto& row : rows) files.push_back(folder / row.file);
  return files;
}

class LabelledImages : public FileDataset {
 public:
  LabelledImages(const fs::path& folder, const LabelTable& table, std::vector<LabelTable::Row> rows,
                 std::int64_t channels)
      : FileDataset(folder, files_of(folder, rows), channels), rows_(std::move(rows)) {
    classes_ = table.classes;
    is_multi_label_ = true;
  }

  std::int64_t label(std::int64_t /*index*/) const override { return -1; }
  std::vector<std::int64_t> labels(std::int64_t index) const override {
    return rows_.at(static_cast<std::size_t>(index)).classes;
  }

 private:
  std::vector<LabelTable::Row> rows_;
};

}  // namespace

LabelTable read_label_table(const fs::path& csv) {
  LabelTable table;
  table.path = csv;
  CsvReader reader(read_file(csv, std::size_t{1} << 32U), printable(csv.string()));
  std::vector<std::string> columns;
  if (!reader.next(columns) || columns.size() < 2)
    throw DataError(
        "{}: expected a line that names a column of files and a column a class, or `labels` or "
        "`classes`",
        printable(csv.string()));
  if (columns.size() == 2 && (columns[1] == "labels" || columns[1] == "classes")) {
    read_names(reader, table);
  } else {
    table.classes.assign(columns.begin() + 1, columns.end());
    read_columns(reader, table);
  }
  check_names(table);
  return table;
}

std::shared_ptr<const Dataset> open_labelled_images(const fs::path& folder, const fs::path& split,
                                                    const LabelTable& table,
                                                    std::int64_t channels) {
  std::vector<LabelTable::Row> rows;
  const auto below = plain_folder(split);
  for (const auto& row : table.rows) {
    if (!is_below(fs::path(row.file).lexically_normal(), below)) continue;
    std::error_code none;
    if (!fs::is_regular_file(folder / row.file, none))
      throw DataError("{}: expected the file '{}' in {}, found none",
                      printable(table.path.string()), printable(row.file),
                      printable(folder.string()));
    rows.push_back(row);
  }
  if (rows.empty())
    throw DataError("{}: expected files below {}/, found none", printable(table.path.string()),
                    printable(below.string()));
  return std::make_shared<LabelledImages>(folder, table, std::move(rows), channels);
}

}  // namespace vit::data
