// Numbers out of unaligned bytes. Callers have checked that the bytes are there.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace vit::io {

using Bytes = std::span<const std::byte>;

static_assert(std::endian::native == std::endian::little, "the file formats here are");

template <class T>
T load_le(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
T load_be(const std::byte* from) {
  std::array<std::byte, sizeof(T)> reversed;
  for (std::size_t i = 0; i < sizeof(T); ++i) reversed[sizeof(T) - 1 - i] = from[i];
  return std::bit_cast<T>(reversed);
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool starts_with(Bytes bytes, std::string_view magic) {
  return as_text(bytes).starts_with(magic);
}

}  // namespace vit::io
