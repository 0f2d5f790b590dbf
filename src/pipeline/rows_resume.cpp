#include <algorithm>
#include <fstream>

#include "vit/core/error.h"
#include "vit/pipeline/rows.h"
#include "written_rows.h"

namespace vit::pipeline {

WholeRows count_whole_rows(const std::filesystem::path& path, const RowEncoder& encoder,
                           std::int64_t limit) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError("{}: cannot be read", path.string());
  const auto row_format = encoder.options().format;
  const auto head = encoder.head();
  const auto begin = static_cast<std::int64_t>(head.size());
  std::string found(head.size(), '\0');
  file.read(found.data(), static_cast<std::streamsize>(found.size()));
  found.resize(static_cast<std::size_t>(file.gcount()));

  WholeRows whole{0, begin};
  std::int64_t row = sizeof(float);
  for (const auto side : encoder.options().value_shape) row *= side;
  if (row_format == RowFormat::kNpy && found.size() == head.size())
    whole.rows = (static_cast<std::int64_t>(std::filesystem::file_size(path)) - begin) / row;
  // An array's head says how many rows there are once all are written.
  if (!head.starts_with(found) && found != encoder.head(whole.rows))
    throw DataError("{}: expected the beginning of this output, found another one", path.string());
  // Cut off inside its head: nothing to go on from.
  if (found.size() < head.size()) return {0, 0};
  if (row_format == RowFormat::kNpy) {
    whole.rows = std::min(whole.rows, limit);
    whole.bytes += whole.rows * row;
    return whole;
  }
  WrittenRows rows(path, row_format, begin);
  while (whole.rows < limit && rows.next()) ++whole.rows;
  whole.bytes = rows.bytes();
  return whole;
}

}  // namespace vit::pipeline
