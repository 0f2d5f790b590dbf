// Tars of small files for tests.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vit/core/file.h"

namespace vit::testing {

using TarFiles = std::vector<std::pair<std::string, std::string>>;  ///< name, data

/// A tar of files, as v7 has it.
inline std::string tar_of(const TarFiles& files) {
  std::string tar;
  for (const auto& [name, data] : files) {
    std::string header(512, '\0');
    std::copy(name.begin(), name.end(), header.begin());
    char size[12];
    std::snprintf(size, sizeof size, "%011zo", data.size());
    std::copy_n(size, 12, header.begin() + 124);
    std::fill_n(header.begin() + 148, 8, ' ');
    header[156] = '0';
    int sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    char checksum[8];
    std::snprintf(checksum, sizeof checksum, "%06o", static_cast<unsigned>(sum) & 0777777U);
    std::copy_n(checksum, 7, header.begin() + 148);
    tar += header;
    tar += data;
    tar.append((512 - data.size() % 512) % 512, '\0');
  }
  tar.append(1024, '\0');
  return tar;
}

inline void write_tar(const std::filesystem::path& path, const TarFiles& files) {
  write_file(path, tar_of(files));
}

}  // namespace vit::testing
