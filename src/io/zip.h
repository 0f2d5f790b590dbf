// Zip archives: the directory is checked against the local headers and the file's size.
// Format: PKWARE APPNOTE.TXT 6.3.10.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vit/io/byte_range.h"

namespace vit::io {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;  ///< inflated
  ByteRange data;          ///< as it lies in the file
};

/// Names are unique and stay inside a folder; entries do not overlap; sizes are plausible. No data
/// is read. Throws DataError.
std::vector<ZipEntry> read_zip(const ByteRange& file, const std::string& source);

/// Throws DataError where the checksum of the entry's contents (or their size) is wrong.
void check_crc(const ZipEntry& entry, const std::string& source);

}  // namespace vit::io
