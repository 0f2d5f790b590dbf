#include "vit/data/class_map.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "vit/core/byte_order_mark.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"
#include "vit/data/image.h"

namespace vit::data {
namespace {

std::string_view stripped(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const auto begin = line.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kSpace) - begin + 1);
}

/// A pickle of protocol 2 and later opens so; text does not.
bool is_pickle(const std::filesystem::path& file, std::string_view text) {
  return file.extension() == ".pkl" || (!text.empty() && text.front() == '\x80');
}

/// A text file's lines, without the white space around them.
std::vector<std::string> read_lines(const std::filesystem::path& file) {
  const auto name = printable(file.string());
  const auto text = read_file(file);
  if (is_pickle(file, text))
    throw DataError("{}: expected a text file with one class folder a line, found a pickle", name);
  if (text.find('\0') != std::string::npos)
    throw DataError("{}: expected a text file with one class folder a line, found binary data",
                    name);
  std::string_view rest = text;
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> lines;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    lines.emplace_back(stripped(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

/// Throws where `what` stands in two lines.
class Once {
 public:
  Once(std::string file, const char* what) : file_(std::move(file)), what_(what) {}
  void add(const std::string& name, std::size_t line) {
    const auto [first, added] = lines_.emplace(name, line);
    if (!added)
      throw DataError("{}: expected each {} once, found '{}' in lines {} and {}", file_, what_,
                      printable(name), first->second, line);
  }

 private:
  std::string file_;
  const char* what_;
  std::unordered_map<std::string, std::size_t> lines_;
};

/// Empty where the line is none of an image and its class.
FileClass parse_file_class(const std::string& line) {
  constexpr auto kBetween = " \t,";
  const auto end = line.find_first_of(kBetween);
  if (end == std::string::npos || !is_image_name(line.substr(0, end))) return {};
  const auto begin = line.find_first_not_of(kBetween, end);
  return begin == std::string::npos ? FileClass{}
                                    : FileClass{line.substr(0, end), line.substr(begin)};
}

}  // namespace

std::vector<std::string> read_class_map(const std::filesystem::path& file) {
  const auto name = printable(file.string());
  auto names = read_lines(file);
  if (names.empty()) throw DataError("{}: expected class folders, one a line, found none", name);
  Once once(name, "class");
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!names[i].empty()) once.add(names[i], i + 1);
  return names;
}

std::optional<FileClasses> read_file_classes(const std::filesystem::path& file) {
  const auto name = printable(file.string());
  const auto lines = read_lines(file);
  FileClasses all;
  Once once(name, "image");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    auto one = parse_file_class(lines[i]);
    if (one.file.empty() && all.empty()) return std::nullopt;
    if (one.file.empty())
      throw DataError("{}: expected an image and its class in line {}, found '{}'", name, i + 1,
                      printable(lines[i]));
    once.add(one.file, i + 1);
    all.push_back(std::move(one));
  }
  if (all.empty()) return std::nullopt;
  return all;
}

}  // namespace vit::data
