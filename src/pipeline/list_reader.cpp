#include "list_reader.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "vit/core/byte_order_mark.h"
#include "vit/core/error.h"

namespace vit::pipeline {
namespace {

/// No system opens a longer path (Linux: 4096); what is longer is no list.
constexpr std::size_t kLongestName = 1U << 16U;

}  // namespace

bool ListReader::fill() {
  buffer_.erase(0, position_);
  searched_ -= position_;
  position_ = 0;
  while (!end_ && !options_.cancelled()) {
    pollfd waited{options_.descriptor, POLLIN, 0};
    if (::poll(&waited, 1, /*milliseconds=*/100) <= 0) continue;
    std::array<char, 1 << 16> block;
    const auto count = ::read(options_.descriptor, block.data(), block.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0 && errno == EISDIR)
      throw IoError("standard input: expected a list of paths, found a folder");
    if (count < 0) throw IoError("standard input: cannot be read: {}", std::strerror(errno));
    end_ = count == 0;
    buffer_.append(block.data(), static_cast<std::size_t>(count));
    return true;
  }
  return false;
}

std::optional<std::string> ListReader::next_piece() {
  const char separator = options_.null_separated ? '\0' : '\n';
  while (!options_.cancelled()) {
    const auto stop = buffer_.find(separator, searched_);
    if (stop != std::string::npos || (end_ && position_ < buffer_.size())) {
      auto piece = buffer_.substr(position_, stop == std::string::npos ? stop : stop - position_);
      position_ = searched_ = stop == std::string::npos ? buffer_.size() : stop + 1;
      return piece;
    }
    searched_ = buffer_.size();
    if (buffer_.size() - position_ > kLongestName) {
      check(buffer_.substr(position_, kLongestName));
      throw DataError("standard input: expected paths of at most {} bytes, found a longer {}",
                      kLongestName, options_.null_separated ? "one" : "line");
    }
    if (!fill()) return std::nullopt;
  }
  return std::nullopt;
}

void ListReader::check(const std::string& name) const {
  if (options_.null_separated && name.empty())
    throw DataError("standard input: expected paths that end in NUL, found an empty one");
  if (!options_.null_separated && name.find('\0') != std::string::npos)
    throw DataError(
        "standard input: expected a path a line, found a NUL byte (-0 reads NUL-separated lists)");
}

std::optional<std::string> ListReader::next() {
  while (auto name = next_piece()) {
    if (!options_.null_separated) {
      if (!begun_ && name->starts_with(kByteOrderMark)) name->erase(0, kByteOrderMark.size());
      if (name->ends_with('\r')) name->pop_back();
    }
    begun_ = true;
    check(*name);
    if (!name->empty()) return name;
  }
  return std::nullopt;
}

}  // namespace vit::pipeline
