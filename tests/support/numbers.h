// A dataset for tests that need one and do not care which.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "vit/core/error.h"
#include "vit/data/dataset.h"

namespace vit::testing {

/// Image i is one pixel of value i, of class i mod 10; some cannot be loaded.
class Numbers : public data::Dataset {
 public:
  explicit Numbers(std::int64_t size, std::set<std::int64_t> bad = {})
      : size_(size), bad_(std::move(bad)) {}

  std::int64_t size() const override { return size_; }
  std::int64_t label(std::int64_t index) const override { return index % 10; }
  std::string name(std::int64_t index) const override { return "number " + std::to_string(index); }
  data::Image load(std::int64_t index) const override {
    if (bad_.contains(index)) refuse(name(index));
    data::Image image(1, 1, 1);
    image.pixels[0] = static_cast<std::uint8_t>(index);
    return image;
  }

 private:
  [[noreturn]] virtual void refuse(const std::string& name) const {
    throw DataError("{}: is bad", name);
  }

  std::int64_t size_;
  std::set<std::int64_t> bad_;
};

}  // namespace vit::testing
