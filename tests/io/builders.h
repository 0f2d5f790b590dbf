// Small files of each format, right or wrong in the one place that a test names.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/support.h"
#include "vit/core/error.h"

namespace vit::io::testing {

/// The number's bytes, little-endian.
template <class T>
std::string le(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// The number's bytes, big-endian.
template <class T>
std::string be(T value) {
  const auto bytes = le(value);
  return {bytes.rbegin(), bytes.rend()};
}

/// The parts one behind the other. (`"literal" + std::string` draws a false warning from GCC 12,
/// its bug 105651.)
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string result;
  (result.append(std::string_view(parts)), ...);
  return result;
}

/// A folder for one test's files.
class Files {
 public:
  std::filesystem::path write(const std::string& name, std::string_view contents) const {
    auto path = folder_ / name;
    std::ofstream(path, std::ios::binary) << contents;
    return path;
  }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  vit::testing::TemporaryFolder folder_;
};

/// The most bytes that `operator new` had handed out at once since this was made, beyond those that
/// were in use then.
class PeakMemory {
 public:
  PeakMemory();
  std::int64_t bytes() const;

 private:
  std::int64_t start_;
};

/// The message of the DataError that `run` throws. Fails the test where it throws nothing, anything
/// else, or a message of more than one line.
template <class Run>
std::string data_error(Run run) {
  try {
    run();
  } catch (const DataError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find_first_of("\r\n"), std::string::npos) << message;
    EXPECT_LT(message.size(), 1000U) << message;
    return message;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "not a DataError: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// As data_error, and within what a refused file may cost: a second of computing, 64 MiB.
template <class Run>
std::string refused_cheaply(Run run) {
  const PeakMemory memory;
  const auto start = std::clock();
  auto message = data_error(run);
#ifndef __SANITIZE_ADDRESS__  // which is slower, and counts memory in its own way
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC) << message;
  EXPECT_LT(memory.bytes(), std::int64_t{64} << 20) << message;
#else
  (void)start;
#endif
  return message;
}

/// Header length, header, data.
std::string safetensors(std::string_view header, std::string_view data = {});

struct ZipMember {
  std::string name;
  std::string contents;      ///< as stored
  std::uint16_t method = 0;  ///< 0: stored, 8: deflated
  std::uint64_t size = 0;    ///< inflated; 0: that of `contents`
  std::int64_t crc = -1;     ///< -1: the right one (of a stored member)
  std::string local_name{};  ///< empty: `name`
  std::int64_t offset = -1;  ///< of the local header in the directory; -1: the right one
  std::string extra{};       ///< of the directory
  bool saturated = false;    ///< 0xFFFFFFFF for the sizes: the extra field tells
};

struct ZipShape {
  std::int64_t claimed_count = -1;  ///< -1: the right one
  bool end_record = true;
};

std::string zip(const std::vector<ZipMember>& members, const ZipShape& shape = {});

/// Raw deflate of `contents`, and its CRC-32.
std::string deflate(std::string_view contents);
std::uint32_t crc32(std::string_view contents);

/// A .npy v1.0 with this header literal and data.
std::string npy(const std::string& literal, std::string_view data = {});

/// A pickle of protocol 2 around these opcodes.
std::string pickle(std::string_view opcodes);
/// BINUNICODE.
std::string text(std::string_view value);
/// GLOBAL.
std::string global(std::string_view module, std::string_view name);
/// BININT.
std::string number(std::int32_t value);
/// A tuple of numbers.
std::string numbers(const std::vector<std::int32_t>& values);
/// The storage `key` of `count` floats, as persistent id.
std::string storage(std::string_view key, std::int32_t count,
                    std::string_view type = "FloatStorage");
/// _rebuild_tensor_v2's result.
std::string tensor(const std::string& storage, std::int32_t offset,
                   const std::vector<std::int32_t>& shape,
                   const std::vector<std::int32_t>& strides);
/// A dict with one entry.
std::string dict(const std::string& key, const std::string& value);

/// A zip as torch.save writes it: `archive/data.pkl` with these opcodes, and records.
std::string torch_zip(std::string_view opcodes,
                      const std::vector<std::pair<std::string, std::string>>& records = {});

}  // namespace vit::io::testing
