#include <algorithm>
#include <array>
#include <fstream>

#include "vit/core/error.h"
#include "vit/core/json.h"
#include "vit/infer/rows.h"

namespace vit::infer {
namespace {

/// Calls `see(byte, position)` for every byte from `begin` on.
template <class See>
void scan(std::ifstream& file, std::int64_t begin, See see) {
  file.clear();
  file.seekg(begin);
  std::array<char, 1 << 16> block;
  std::int64_t position = begin;
  while (file.read(block.data(), block.size()), file.gcount() > 0)
    for (std::streamsize i = 0; i < file.gcount(); ++i)
      see(block[static_cast<std::size_t>(i)], position++);
}

/// Rows that end with a newline; in CSV one inside quotes ends nothing.
WholeRows count_lines(std::ifstream& file, std::int64_t begin, bool quotes) {
  WholeRows whole{0, begin};
  bool quoted = false;
  scan(file, begin, [&](char c, std::int64_t position) {
    if (quotes && c == '"') quoted = !quoted;
    if (c != '\n' || quoted) return;
    ++whole.rows;
    whole.bytes = position + 1;
  });
  return whole;
}

/// Rows that begin with a newline and are parted by commas: all but the last are whole, and the
/// last is where it parses.
WholeRows count_json_rows(std::ifstream& file, std::int64_t begin) {
  WholeRows whole{0, begin};
  std::string last;
  std::int64_t end_of_row = begin;
  scan(file, begin, [&](char c, std::int64_t position) {
    if (c != '\n') {
      last += c;
      end_of_row = position + 1;
      return;
    }
    // The tail may have been written already.
    if (!last.empty() && last != "]") {
      ++whole.rows;
      whole.bytes = end_of_row - (last.back() == ',' ? 1 : 0);
    }
    last.clear();
  });
  if (!last.empty() && last.back() == ',') {
    last.pop_back();
    --end_of_row;
  }
  if (!last.empty() && Json::accept(last)) whole = {whole.rows + 1, end_of_row};
  return whole;
}

}  // namespace

WholeRows count_whole_rows(const std::filesystem::path& path, const RowEncoder& encoder) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError("{}: cannot be read", path.string());
  const auto head = encoder.head();
  const auto begin = static_cast<std::int64_t>(head.size());
  std::string found(head.size(), '\0');
  file.read(found.data(), static_cast<std::streamsize>(found.size()));
  found.resize(static_cast<std::size_t>(file.gcount()));

  WholeRows array{0, begin};
  if (encoder.options().format == RowFormat::kNpy && found.size() == head.size()) {
    std::int64_t row = sizeof(float);
    for (const auto side : encoder.options().value_shape) row *= side;
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
    array.rows = (size - begin) / row;
    array.bytes += array.rows * row;
  }
  // An array's head says how many rows there are once all are written.
  if (!head.starts_with(found) && found != encoder.head(array.rows))
    throw DataError("{}: expected the beginning of this output, found another one", path.string());
  // Cut off inside its head: nothing to go on from.
  if (found.size() < head.size()) return {0, 0};
  switch (encoder.options().format) {
    case RowFormat::kNpy:
      return array;
    case RowFormat::kJson:
      return count_json_rows(file, begin);
    default:
      return count_lines(file, begin, encoder.options().format == RowFormat::kCsv);
  }
}

}  // namespace vit::infer
