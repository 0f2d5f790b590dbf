// Tar archives: where each regular file's bytes are. Nothing is unpacked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "vit/io/byte_range.h"

namespace vit::io {

/// A regular file of an archive.
struct TarMember {
  std::string name;          ///< as stored; may be any bytes
  std::uint64_t offset = 0;  ///< of its first byte in the archive
  ByteRange bytes;           ///< read when they are asked for
};

/// Reads the headers of an uncompressed tar archive: v7, ustar, GNU (long names) and pax (path,
/// size). Folders, links and devices are passed over, as by the webdataset package. Throws IoError;
/// DataError on a wrong checksum, a member that reaches past the archive, a sparse or multi-volume
/// member, a gzipped archive, a header that is not what it must be. Members are in the archive's
/// order.
std::vector<TarMember> read_tar(const std::filesystem::path& path);

/// The same of an archive that is open already; `source` opens the errors.
std::vector<TarMember> read_tar_members(ByteRange archive, const std::string& source);

}  // namespace vit::io
