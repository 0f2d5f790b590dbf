#include <algorithm>

#include "inflate.h"
#include "npy_array.h"
#include "text.h"
#include "vit/core/error.h"
#include "vit/io/mapped_file.h"
#include "vit/io/npy.h"
#include "zip.h"

namespace vit::io {
namespace {

constexpr std::string_view kSuffix = ".npy";
constexpr std::size_t kHeaderBytes = 1U << 17;  // more than any array's header may have

/// The contents in memory, after the header inside has confirmed the size that the zip claims.
std::shared_ptr<std::vector<std::byte>> inflate_array(const ZipEntry& entry,
                                                      const std::string& where) {
  const auto start = inflate_start(entry.data, Wrapping::kRaw, kHeaderBytes, where);
  const auto header = parse_npy_header(start, where);
  if (entry.size < header.data_offset || entry.size - header.data_offset != header.data_bytes)
    throw DataError("{}: expected {} bytes for shape {} of {}, found an entry of {}", where,
                    header.data_offset + header.data_bytes, header.shape, name_of(header.dtype),
                    entry.size);
  auto contents = std::make_shared<std::vector<std::byte>>();
  contents->reserve(entry.size);
  inflate(entry.data, Wrapping::kRaw, entry.size, where, [&](Bytes piece) {
    contents->insert(contents->end(), piece.begin(), piece.end());
    return true;
  });
  return contents;
}

TensorEntry read_entry(const ZipEntry& entry, const std::shared_ptr<const MappedFile>& file,
                       const std::string& where) {
  if (!entry.deflated) return parse_npy(entry.data, file, where);
  const auto contents = inflate_array(entry, where);
  return parse_npy(*contents, contents, where);
}

}  // namespace

TensorTable read_npz(const std::filesystem::path& path, bool check_checksums) {
  const auto file = MappedFile::open(path);
  const auto source = path.string();
  const auto entries = read_zip(file->bytes(), source);
  for (const auto& entry : entries) {
    if (!entry.name.ends_with(kSuffix) || entry.name.size() == kSuffix.size())
      throw DataError("{}: expected arrays (.npy) alone, found {}", source, in_quotes(entry.name));
    // All of them before the first array is put into memory; it also sees that a deflated entry
    // is as long as it claims.
    if (check_checksums) check_crc(entry, source);
  }
  TensorTable table(source);
  for (const auto& entry : entries) {
    auto tensor = read_entry(entry, file, source + ": " + in_quotes(entry.name));
    tensor.name = entry.name.substr(0, entry.name.size() - kSuffix.size());
    table.add(std::move(tensor));
  }
  return table;
}

}  // namespace vit::io
