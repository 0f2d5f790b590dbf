// The images and batches of tests/golden/augment and what Pillow, timm and torchvision make of
// them.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/core/json.h"
#include "vit/core/sha256.h"
#include "vit/data/image.h"

namespace vit::testing {

class GoldenAugment {
 public:
  static const GoldenAugment& get() {
    static const GoldenAugment golden;
    return golden;
  }

  const Json& cases(const char* kind) const { return cases_.at(kind); }

  template <class T>
  std::vector<T> values(const Json& offset, std::size_t count) const {
    std::vector<T> values(count);
    std::memcpy(values.data(), bytes_.data() + offset.get<std::size_t>(), count * sizeof(T));
    return values;
  }

  static data::Image image(const std::string& name, std::int64_t channels) {
    return data::decode_image(golden_path("augment") / (name + ".png"), channels);
  }

 private:
  GoldenAugment()
      : cases_(Json::parse(read_file(golden_path("augment") / "expected.json"))),
        bytes_(read_file(golden_path("augment") / "expected.bin")) {}

  Json cases_;
  std::string bytes_;
};

inline std::string digest(const data::Image& image) {
  return sha256(std::as_bytes(std::span(image.pixels)));
}

}  // namespace vit::testing
