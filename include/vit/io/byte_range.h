// Bytes of a file that are read when they are asked for, and never mapped: a file that is cut short
// meanwhile is an error, where a mapping of it would end the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace vit::io {

/// Where bytes come from: a file, memory, or what is made of another source. Thread-safe.
class ByteSource {
 public:
  ByteSource() = default;
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  virtual std::uint64_t size() const = 0;
  /// Fills `to` with the bytes from `offset` on; they must lie within `size()`. Throws IoError
  /// where they cannot be read or are no longer there, DataError where what they are made of is
  /// damaged.
  virtual void read(std::uint64_t offset, std::span<std::byte> to) const = 0;
};

/// A part of a source, which it keeps alive.
class ByteRange {
 public:
  ByteRange() = default;
  explicit ByteRange(std::shared_ptr<const ByteSource> source)
      : source_(std::move(source)), size_(source_->size()) {}

  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// `count` bytes from `offset` on. Both must lie within the range.
  ByteRange part(std::uint64_t offset, std::uint64_t count) const;
  ByteRange part(std::uint64_t offset) const { return part(offset, size_ - offset); }

  /// As ByteSource::read.
  void read(std::uint64_t offset, std::span<std::byte> to) const;
  /// The first `count` bytes, or all where there are fewer.
  std::vector<std::byte> read_start(std::uint64_t count) const;
  std::vector<std::byte> read_all() const { return read_start(size_); }

 private:
  std::shared_ptr<const ByteSource> source_;
  std::uint64_t begin_ = 0;
  std::uint64_t size_ = 0;
};

/// A file, which stays open for as long as ranges of it live. Throws IoError when it is missing,
/// unreadable or not a regular file (a FIFO, a folder).
ByteRange open_bytes(const std::filesystem::path& path);

/// Bytes that are there already.
ByteRange memory_bytes(std::vector<std::byte> bytes);

}  // namespace vit::io
