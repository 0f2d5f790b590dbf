// Checks of one value each; what fails names the field.
#pragma once

#include <cstdint>
#include <string>

#include "vit/core/contains.h"
#include "vit/core/error.h"

namespace vit::config {

constexpr std::int64_t kMaxChannels = 4096;

template <class T>
void expect_range(const std::string& where, const char* name, T value, T low, T high) {
  if (!(value >= low && value <= high))
    throw DataError("{}: '{}': expected {} to {}, found {}", where, name, low, high, value);
}

template <class Names>
void expect_one_of(const std::string& where, const char* name, const std::string& value,
                   const Names& names) {
  if (contains(names, value)) return;
  std::string list;
  for (const auto& known : names)
    list += (list.empty() ? "" : ", ") + (known.empty() ? "''" : std::string(known));
  throw DataError("{}: '{}': expected one of {}, found '{}'", where, name, list, value);
}

}  // namespace vit::config
