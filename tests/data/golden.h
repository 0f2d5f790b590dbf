// The images of tests/golden/images and what Pillow and timm make of them.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/core/json.h"
#include "vit/data/image.h"
#include "vit/data/resize.h"

namespace vit::testing {

class GoldenImages {
 public:
  static const GoldenImages& get() {
    static const GoldenImages golden;
    return golden;
  }

  const Json& cases(const char* kind) const { return cases_.at(kind); }

  std::vector<std::uint8_t> bytes(const Json& offset, std::size_t count) const {
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(offset.get<std::size_t>());
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }
  std::vector<float> floats(const Json& offset, std::size_t count) const {
    std::vector<float> values(count);
    std::memcpy(values.data(), bytes_.data() + offset.get<std::size_t>(), count * sizeof(float));
    return values;
  }

  static std::filesystem::path path(const std::string& name) {
    return golden_path("images") / name;
  }

 private:
  GoldenImages()
      : cases_(Json::parse(read_file(path("expected.json")))),
        bytes_(read_file(path("expected.bin"))) {}

  Json cases_;
  std::string bytes_;
};

inline data::Region region_of(const Json& json) {
  return {json[0].get<std::int64_t>(), json[1].get<std::int64_t>(), json[2].get<std::int64_t>(),
          json[3].get<std::int64_t>()};
}

}  // namespace vit::testing
