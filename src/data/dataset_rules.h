// Rules that every kind of dataset follows.
#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "vit/core/error.h"

namespace vit::data {

/// Labels that stand in files are below it: all numbers up to the largest are classes.
inline constexpr std::int64_t kMostClasses = 1 << 24;

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Whether the last part of a path begins with a dot: no part of a dataset, as macOS's `._1.jpg`.
inline bool is_hidden(std::string_view path) {
  return path.substr(path.rfind('/') + 1).starts_with('.');
}

/// Throws DataError where images cannot have as many channels.
inline void check_image_channels(std::int64_t channels) {
  if (channels != 1 && channels != 3)
    throw DataError("images have 1 or 3 channels, the model takes {}", channels);
}

/// The whole number that all of `text` is; none where it is anything else.
inline std::optional<std::int64_t> parse_class_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The index of each name in a class map (see read_class_map). In `classes` the number of an index
/// without a folder then stands for its name.
inline std::map<std::string, std::int64_t> index_classes(std::vector<std::string>& classes) {
  std::map<std::string, std::int64_t> index;
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i].empty())
      classes[i] = std::to_string(i);
    else
      index.emplace(classes[i], static_cast<std::int64_t>(i));
  return index;
}

}  // namespace vit::data
