#include "zip.h"

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <set>

#include "byte_reader.h"
#include "inflate.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kEndSize = 22;
constexpr std::size_t kMaxComment = 65535;
constexpr std::size_t kLocatorSize = 20;
constexpr std::size_t kCentralSize = 46;
constexpr std::size_t kMaxEntries = 1U << 17;
constexpr std::size_t kMaxDirectory = 16U << 20;
constexpr std::size_t kRecord = 512;          // a header with its name and extra field, mostly
constexpr std::size_t kMaxRecord = 1U << 18;  // … with the longest
constexpr std::size_t kMaxEntryName = 1024;
constexpr std::uint32_t kSaturated = 0xFFFFFFFF;
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint16_t kDescriptorFollows = 8;
// What weights do not compress to; small entries (a bias of zeros) may.
constexpr std::uint64_t kMaxRatio = 200;
constexpr std::uint64_t kAnyRatio = 4U << 20;

struct Directory {
  std::uint64_t count = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint64_t limit = 0;  ///< where the end records start
};

/// One entry as the central directory describes it.
struct Central {
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t compressed = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  ///< of the local header
  std::string_view name;
};

void expect_signature(ByteReader& reader, std::uint32_t expected, const char* what) {
  const auto at = reader.offset();
  if (reader.le<std::uint32_t>() != expected)
    throw DataError("{}: expected {} at offset {}, found other bytes", reader.where(), what, at);
}

/// A reader of one header, with its name and extra field.
ByteReader reader_at(const ByteRange& file, std::uint64_t offset, const std::string& where) {
  if (offset > file.size())
    throw DataError("{}: expected an offset within {} bytes, found {}", where, file.size(), offset);
  return {file.part(offset), kRecord, kMaxRecord, where};
}

/// The end record and where it stands.
struct End {
  std::uint64_t offset = 0;
  std::vector<std::byte> record;
};

End find_end(const ByteRange& file, const std::string& source) {
  const auto size = std::min<std::uint64_t>(file.size(), kEndSize + kMaxComment);
  const auto tail = file.part(file.size() - size).read_all();
  const auto text = as_text(tail);
  for (auto at = text.rfind("PK\x05\x06"); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : text.rfind("PK\x05\x06", at - 1)) {
    if (tail.size() - at >= kEndSize &&
        load_le<std::uint16_t>(tail.data() + at + 20) == tail.size() - at - kEndSize)
      return {file.size() - size + at,
              {tail.begin() + static_cast<std::ptrdiff_t>(at), tail.end()}};
  }
  throw DataError("{}: expected a zip archive's end record, found none (a file cut short?)",
                  source);
}

/// The zip64 end record, where a locator before the end record points to one.
std::optional<Directory> find_zip64(const ByteRange& file, std::uint64_t end,
                                    const std::string& source) {
  if (end < kLocatorSize) return std::nullopt;
  const auto locator = file.part(end - kLocatorSize, kLocatorSize).read_all();
  if (!starts_with(locator, "PK\x06\x07")) return std::nullopt;
  const auto offset = load_le<std::uint64_t>(locator.data() + 8);
  auto reader = reader_at(file.part(0, end - kLocatorSize), offset, source + ": zip64 end record");
  expect_signature(reader, 0x06064B50, "its signature");
  reader.take(8 + 2 + 2 + 4 + 4 + 8);  // sizes, versions, disks, entries on this disk
  Directory directory;
  directory.count = reader.le<std::uint64_t>();
  directory.size = reader.le<std::uint64_t>();
  directory.offset = reader.le<std::uint64_t>();
  directory.limit = offset;
  return directory;
}

Directory find_directory(const ByteRange& file, const std::string& source) {
  const auto end = find_end(file, source);
  Directory narrow;
  narrow.count = load_le<std::uint16_t>(end.record.data() + 10);
  narrow.size = load_le<std::uint32_t>(end.record.data() + 12);
  narrow.offset = load_le<std::uint32_t>(end.record.data() + 16);
  narrow.limit = end.offset;
  const auto wide = find_zip64(file, end.offset, source);
  const auto agree = [](std::uint64_t a, std::uint64_t b, std::uint64_t saturated) {
    return a == b || a == saturated;
  };
  if (wide &&
      !(agree(narrow.count, wide->count, 0xFFFF) && agree(narrow.size, wide->size, kSaturated) &&
        agree(narrow.offset, wide->offset, kSaturated)))
    throw DataError("{}: the zip's two end records differ", source);
  const auto directory = wide.value_or(narrow);
  if (directory.offset > directory.limit || directory.size > directory.limit - directory.offset)
    throw DataError("{}: expected the zip's directory before offset {}, found {} bytes at {}",
                    source, directory.limit, directory.size, directory.offset);
  if (directory.size > kMaxDirectory)
    throw DataError("{}: expected a zip directory of at most {} bytes, found {}", source,
                    kMaxDirectory, directory.size);
  if (directory.count > kMaxEntries || directory.count > directory.size / kCentralSize)
    throw DataError("{}: expected at most {} entries in {} bytes of zip directory, found {}",
                    source, std::min<std::uint64_t>(kMaxEntries, directory.size / kCentralSize),
                    directory.size, directory.count);
  return directory;
}

/// Replaces what is saturated by the numbers of the zip64 extra field, in their order.
void apply_zip64(Bytes extra, const std::string& where,
                 std::initializer_list<std::uint64_t*> values) {
  ByteReader fields(extra, where + ": extra field");
  while (fields.left() >= 4) {
    const auto id = fields.le<std::uint16_t>();
    ByteReader field(fields.take(fields.le<std::uint16_t>()), fields.where());
    if (id != 1) continue;
    for (auto* value : values)
      if (*value == kSaturated) *value = field.le<std::uint64_t>();
    return;
  }
  // Nothing said: 2^32 - 1 is meant as it stands, and the checks that follow refuse it.
}

void check_name(std::string_view name, const std::string& source) {
  bool bad = name.empty() || name.size() > kMaxEntryName || name.front() == '/' || !is_utf8(name) ||
             name.find('\\') != name.npos || name.find('\0') != name.npos ||
             (name.size() > 1 && name[1] == ':');
  for (std::size_t start = 0; start <= name.size() && !bad;) {
    const auto end = std::min(name.find('/', start), name.size());
    bad = name.substr(start, end - start) == "..";
    start = end + 1;
  }
  if (bad)
    throw DataError("{}: expected zip entries with plain relative names, found {}", source,
                    in_quotes(name));
}

Central read_central(ByteReader& reader, const std::string& source) {
  expect_signature(reader, 0x02014B50, "a zip directory entry");
  Central entry;
  reader.take(4);  // versions
  entry.flags = reader.le<std::uint16_t>();
  entry.method = reader.le<std::uint16_t>();
  reader.take(4);  // time and date
  entry.crc = reader.le<std::uint32_t>();
  entry.compressed = reader.le<std::uint32_t>();
  entry.size = reader.le<std::uint32_t>();
  const auto name_size = reader.le<std::uint16_t>();
  const auto extra_size = reader.le<std::uint16_t>();
  const auto comment_size = reader.le<std::uint16_t>();
  reader.take(2 + 2 + 4);  // disk, attributes
  entry.offset = reader.le<std::uint32_t>();
  entry.name = as_text(reader.take(name_size));
  check_name(entry.name, source);
  apply_zip64(reader.take(extra_size), source + ": " + in_quotes(entry.name),
              {&entry.size, &entry.compressed, &entry.offset});
  reader.take(comment_size);
  return entry;
}

void check_method(const Central& entry, const std::string& where) {
  if ((entry.flags & kEncrypted) != 0)
    throw DataError("{}: encrypted entries are not supported", where);
  if (entry.method != 0 && entry.method != 8)
    throw DataError("{}: expected a stored or deflated entry, found method {}", where,
                    entry.method);
  if (entry.method == 0 && entry.size != entry.compressed)
    throw DataError("{}: expected a stored entry's two sizes to be equal, found {} and {}", where,
                    entry.compressed, entry.size);
  if (entry.method == 8 && entry.size > kAnyRatio && entry.size / kMaxRatio > entry.compressed)
    throw DataError(
        "{}: expected {} compressed bytes to inflate to at most {} times as many, "
        "found a size of {}",
        where, entry.compressed, kMaxRatio, entry.size);
}

/// Where the entry's data starts: behind a local header that says what the directory says. All of
/// it lies within `file`.
std::uint64_t locate(const ByteRange& file, const Central& entry, const std::string& where) {
  auto reader = reader_at(file, entry.offset, where);
  expect_signature(reader, 0x04034B50, "its local header");
  reader.take(2);  // version
  const auto flags = reader.le<std::uint16_t>();
  const auto method = reader.le<std::uint16_t>();
  reader.take(4);  // time and date
  const auto crc = reader.le<std::uint32_t>();
  std::uint64_t compressed = reader.le<std::uint32_t>();
  std::uint64_t size = reader.le<std::uint32_t>();
  const auto name_size = reader.le<std::uint16_t>();
  const auto extra_size = reader.le<std::uint16_t>();
  const auto name = as_text(reader.take(name_size));
  apply_zip64(reader.take(extra_size), where, {&size, &compressed});
  // With a data descriptor, the local header may leave its numbers at zero.
  const bool later = (flags & kDescriptorFollows) != 0 && crc == 0 && size == 0 && compressed == 0;
  if (name != entry.name || method != entry.method || (flags & kEncrypted) != 0 ||
      (!later && (crc != entry.crc || size != entry.size || compressed != entry.compressed)))
    throw DataError("{}: the local header differs from the zip's directory", where);
  if (entry.compressed > reader.left())
    throw DataError("{}: expected {} bytes of data, found {} before the end", where,
                    entry.compressed, reader.left());
  return entry.offset + reader.offset();
}

void check_overlap(std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges,
                   std::uint64_t limit, const std::string& source) {
  std::sort(ranges.begin(), ranges.end());
  ranges.emplace_back(limit, limit);
  for (std::size_t i = 0; i + 1 < ranges.size(); ++i)
    if (ranges[i].second > ranges[i + 1].first)
      throw DataError("{}: expected the zip entry at offset {} to end before {}, found {}", source,
                      ranges[i].first, ranges[i + 1].first, ranges[i].second);
}

void read_pieces(const ByteRange& data, const std::function<bool(Bytes)>& take) {
  constexpr std::uint64_t kPieceOfZip = 1U << 18;
  std::vector<std::byte> piece(std::min(data.size(), kPieceOfZip));
  for (std::uint64_t at = 0; at < data.size(); at += piece.size()) {
    const auto part =
        std::span(piece).first(std::min<std::uint64_t>(kPieceOfZip, data.size() - at));
    data.read(at, part);
    take(part);
  }
}

}  // namespace

std::vector<ZipEntry> read_zip(const ByteRange& file, const std::string& source) {
  const auto directory = find_directory(file, source);
  const auto listed = file.part(directory.offset, directory.size).read_all();
  ByteReader reader(listed, source + ": zip directory");
  std::vector<ZipEntry> entries;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  std::set<std::string_view> names;
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    const auto entry = read_central(reader, source);
    const auto where = source + ": " + in_quotes(entry.name);
    if (!names.insert(entry.name).second) throw DataError("{}: there are two of them", where);
    check_method(entry, where);
    const auto begin = locate(file.part(0, directory.offset), entry, where);
    ranges.emplace_back(entry.offset, begin + entry.compressed);
    entries.push_back({std::string(entry.name), entry.method == 8, entry.crc, entry.size,
                       file.part(begin, entry.compressed)});
  }
  if (reader.left() != 0)
    throw DataError("{}: expected {} entries in the zip's directory, found more", source,
                    directory.count);
  check_overlap(ranges, directory.offset, source);
  return entries;
}

void check_crc(const ZipEntry& entry, const std::string& source) {
  const auto where = source + ": " + in_quotes(entry.name);
  uLong crc = 0;
  std::uint64_t size = 0;
  const auto add = [&](Bytes bytes) {
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    size += bytes.size();
    return true;
  };
  if (entry.deflated)
    inflate(entry.data, Wrapping::kRaw, entry.size, where, add);
  else
    read_pieces(entry.data, add);
  if (size != entry.size)
    throw DataError("{}: expected {} inflated bytes, found {}", where, entry.size, size);
  if (crc != entry.crc)
    throw DataError(
        "{}: the checksum (CRC-32) is wrong: the file is damaged, or was saved without "
        "checksums (`check_crc=false` accepts it)",
        where);
}

}  // namespace vit::io
