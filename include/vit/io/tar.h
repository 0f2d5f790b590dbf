// Tar archives: where each regular file's bytes are. Nothing is unpacked.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vit/io/mapped_file.h"

namespace vit::io {

/// A regular file of an archive.
struct TarMember {
  std::string name;                  ///< as stored; may be any bytes
  std::size_t offset = 0;            ///< of its first byte in the archive
  std::span<const std::byte> bytes;  ///< in the mapping
};

struct TarFile {
  std::shared_ptr<const MappedFile> file;  ///< keeps the bytes
  std::vector<TarMember> members;          ///< in the archive's order
};

/// Reads the headers of an uncompressed tar archive: v7, ustar, GNU (long names) and pax (path,
/// size). Folders, links and devices are passed over, as by the webdataset package. Throws IoError;
/// DataError on a wrong checksum, a member that reaches past the archive, a sparse or multi-volume
/// member, a gzipped archive, a header that is not what it must be.
TarFile read_tar(const std::filesystem::path& path);

/// The same of bytes in memory; `source` opens the errors.
std::vector<TarMember> read_tar_members(std::span<const std::byte> archive,
                                        const std::string& source);

}  // namespace vit::io
