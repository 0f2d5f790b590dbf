#include "vit/data/class_map.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "vit/core/byte_order_mark.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"

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

}  // namespace

std::vector<std::string> read_class_map(const std::filesystem::path& file) {
  const auto name = printable(file.string());
  const auto text = read_file(file);
  if (is_pickle(file, text))
    throw DataError("{}: expected a text file with one class folder a line, found a pickle", name);
  if (text.find('\0') != std::string::npos)
    throw DataError("{}: expected a text file with one class folder a line, found binary data",
                    name);
  std::string_view rest = text;
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> lines;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto& one = names.emplace_back(stripped(rest.substr(0, end)));
    const auto [first, added] = lines.emplace(one, names.size());
    if (!added && !one.empty())
      throw DataError("{}: expected each class once, found '{}' in lines {} and {}", name,
                      printable(one), first->second, names.size());
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  if (names.empty()) throw DataError("{}: expected class folders, one a line, found none", name);
  return names;
}

}  // namespace vit::data
