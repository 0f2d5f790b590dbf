// A hash that tells whether something is still what it was; nothing that has to withstand anybody.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vit::data {

/// FNV-1a, 64 bits, over several pieces.
class Hash {
 public:
  Hash& add(const void* bytes, std::size_t size) {
    const auto* from = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i < size; ++i) value_ = (value_ ^ from[i]) * 0x100000001b3U;
    return *this;
  }
  Hash& add(std::int64_t number) { return add(&number, sizeof number); }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace vit::data
