// zlib's inflate with a bound on what comes out.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "bytes.h"
#include "vit/io/byte_range.h"

namespace vit::io {

enum class Wrapping { kRaw, kGzip };  ///< deflate alone (zip), or gzip with header and checksum

/// Hands the inflated bytes on piece by piece; `take` returns false to stop early.
/// Throws DataError, opened by `where`, where the data is damaged, cut short, larger than `limit`,
/// or followed by something else.
void inflate(const ByteRange& compressed, Wrapping wrapping, std::uint64_t limit,
             const std::string& where, const std::function<bool(Bytes)>& take);

/// The first `count` inflated bytes, or all where there are fewer.
std::vector<std::byte> inflate_start(const ByteRange& compressed, Wrapping wrapping,
                                     std::size_t count, const std::string& where);

}  // namespace vit::io
