#include "file_digests.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <system_error>

#include "vit/core/error.h"
#include "vit/core/sha256.h"

namespace vit::pipeline {
namespace {

bool same_stamp(const FileStamp& a, const FileStamp& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.changed_ns == b.changed_ns;
}

/// The digest of the digests of its pieces: between two of them it can end early.
std::string digest_of(const FileStamp& stamp, const std::atomic<bool>& cancelled) {
  constexpr std::size_t kPiece = 4U << 20U;
  std::ifstream file(stamp.file, std::ios::binary);
  std::vector<char> piece(kPiece);
  std::string digests;
  while (file && !cancelled) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto count = static_cast<std::size_t>(file.gcount());
    if (count > 0) digests += sha256(std::as_bytes(std::span(piece.data(), count)));
  }
  if (cancelled || file.bad() || !same_stamp(stamp_file(stamp.file), stamp)) return "";
  return sha256(std::as_bytes(std::span(digests)));
}

}  // namespace

FileStamp stamp_file(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    throw IoError("{}: cannot be read: {}", file.string(), std::strerror(errno));
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return {file, status.st_dev, status.st_ino, status.st_size,
          status.st_ctim.tv_sec * kNanoseconds + status.st_ctim.tv_nsec};
}

FileDigests::FileDigests(std::vector<FileStamp> files)
    : files_(std::move(files)), digests_(files_.size()) {
  try {
    thread_ = std::thread([this] { compute(); });
  } catch (const std::system_error&) {
    // No thread to be had: computed where somebody asks.
  }
}

FileDigests::~FileDigests() {
  cancelled_ = true;
  if (thread_.joinable()) thread_.join();
}

const std::vector<std::string>& FileDigests::get() {
  if (thread_.joinable()) thread_.join();
  if (!done_) compute();
  return digests_;
}

void FileDigests::compute() {
  for (std::size_t i = 0; i < files_.size(); ++i) try {
      digests_[i] = digest_of(files_[i], cancelled_);
    } catch (const std::exception&) {
      digests_[i].clear();
    }
  done_ = true;
}

}  // namespace vit::pipeline
