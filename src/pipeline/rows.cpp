#include "vit/pipeline/rows.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>

#include "csv.h"
#include "vit/core/error.h"
#include "vit/core/json.h"
#include "vit/core/text.h"
#include "vit/io/npy.h"

namespace vit::pipeline {
namespace {

/// A field of a tab-separated line: tabs, ends of line and backslashes are escaped.
std::string tsv_field(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\t')
      escaped += "\\t";
    else if (c == '\n')
      escaped += "\\n";
    else if (c == '\r')
      escaped += "\\r";
    else if (c == '\\')
      escaped += "\\\\";
    else
      escaped += c;
  }
  return escaped;
}

/// The shortest decimal that reads back as the same float.
std::string number(float value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.9g", static_cast<double>(value));
  for (int digits = 6; digits < 9; ++digits) {
    std::array<char, 32> shorter;
    std::snprintf(shorter.data(), shorter.size(), "%.*g", digits, static_cast<double>(value));
    if (std::strtof(shorter.data(), nullptr) == value) return shorter.data();
  }
  return text.data();
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The beginning of every row of an input, up to where its answer begins.
std::string row_begin(RowFormat format, const std::string& name) {
  const auto shown = printable(name);
  if (format == RowFormat::kCsv) return csv_field(shown) + ",";
  if (format == RowFormat::kText) return tsv_field(shown) + "\t";
  auto object = dump({{"file", shown}});
  object.back() = ',';
  return object;
}

std::string json_line(RowFormat format, const Json& row, bool first) {
  if (format == RowFormat::kJsonl) return dump(row) + "\n";
  return (first ? "\n" : ",\n") + dump(row);
}

}  // namespace

RowFormat parse_row_format(const std::string& text) {
  static const std::map<std::string, RowFormat> formats{{"text", RowFormat::kText},
                                                        {"csv", RowFormat::kCsv},
                                                        {"json", RowFormat::kJson},
                                                        {"jsonl", RowFormat::kJsonl},
                                                        {"npy", RowFormat::kNpy}};
  if (const auto it = formats.find(text); it != formats.end()) return it->second;
  throw UsageError("format: expected text, csv, json, jsonl or npy, found '{}'", text);
}

std::string RowEncoder::label(std::int64_t index) const {
  const auto i = static_cast<std::size_t>(index);
  return i < options_.labels.size() ? options_.labels[i] : "";
}

std::string RowEncoder::head(std::int64_t rows) const {
  switch (options_.format) {
    case RowFormat::kText:
    case RowFormat::kJsonl:
      return "";
    case RowFormat::kJson:
      return "[";
    case RowFormat::kCsv: {
      std::string line = "file";
      for (std::int64_t i = 1; i <= options_.columns; ++i)
        line += format(",index{},label{},prob{}", i, i, i);
      if (options_.attention_column) line += ",attention";
      return line + (options_.error_column ? ",error\n" : "\n");
    }
    case RowFormat::kNpy:
      break;
  }
  auto shape = options_.value_shape;
  shape.insert(shape.begin(), rows);
  return io::npy_header(io::DType::kF32, shape);
}

std::string RowEncoder::predictions(const Answer& answer, bool first) const {
  if (options_.format == RowFormat::kJson || options_.format == RowFormat::kJsonl) {
    auto list = Json::array();
    for (const auto& [index, prob] : answer.topk) {
      const bool labelled = static_cast<std::size_t>(index) < options_.labels.size();
      list.push_back({{"index", index},
                      {"label", labelled ? Json(label(index)) : Json(nullptr)},
                      {"prob", std::strtod(number(prob).c_str(), nullptr)}});
    }
    Json row{{"file", printable(answer.name)}, {"topk", std::move(list)}};
    if (options_.attention_column)
      row["attention"] =
          answer.attention.empty() ? Json(nullptr) : Json(printable(answer.attention));
    return json_line(options_.format, row, first);
  }
  const bool csv = options_.format == RowFormat::kCsv;
  const auto* separator = csv ? "," : "\t";
  const auto field = csv ? csv_field : tsv_field;
  std::string line = field(printable(answer.name));
  for (const auto& [index, prob] : answer.topk)
    line += format("{}{}{}{}{}{}", separator, index, separator, field(label(index)), separator,
                   number(prob));
  if (csv)  // a row may have fewer than the head
    for (auto i = std::ssize(answer.topk); i < options_.columns; ++i) line += ",,,";
  if (csv && options_.attention_column)
    line.append(",").append(csv_field(printable(answer.attention)));
  if (csv && options_.error_column) line += ",";
  return line + "\n";
}

bool RowEncoder::is_row_of(const std::string& row, const std::string& name) const {
  return row.starts_with(row_begin(options_.format, name));
}

std::string RowEncoder::values(std::span<const float> values) const {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::string RowEncoder::error(const std::string& name, const std::string& message,
                              bool first) const {
  switch (options_.format) {
    case RowFormat::kJson:
    case RowFormat::kJsonl:
      return json_line(options_.format, {{"file", printable(name)}, {"error", one_line(message)}},
                       first);
    case RowFormat::kCsv:
      return csv_field(printable(name)) +
             std::string(static_cast<std::size_t>(3 * options_.columns), ',') +
             (options_.attention_column ? "," : "") +
             (options_.error_column ? format(",{}", csv_field(one_line(message))) : "") + "\n";
    case RowFormat::kText:
      return tsv_field(printable(name)) + "\terror\t" + tsv_field(one_line(message)) + "\n";
    case RowFormat::kNpy:
      break;
  }
  std::int64_t numel = 1;
  for (const auto side : options_.value_shape) numel *= side;
  return values(
      std::vector<float>(static_cast<std::size_t>(numel), std::numeric_limits<float>::quiet_NaN()));
}

std::string RowEncoder::tail(std::int64_t rows) const {
  if (options_.format != RowFormat::kJson) return "";
  return rows == 0 ? "]\n" : "\n]\n";
}

}  // namespace vit::pipeline
