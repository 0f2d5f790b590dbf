#include "vit/config/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/model/vision_transformer.h"

namespace vit::config {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// What timm says of each tag and architecture (tests/golden/make_registry.py).
const Json& golden() {
  static const Json json = Json::parse(read_file(testing::golden_path("registry.json")));
  return json;
}

std::string fnv1a(const std::string& text) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016lx", value);
  return digits.data();
}

std::string timm_name(const std::string& name) {
  return name.starts_with("block.") ? "blocks" + name.substr(5) : name;
}

TEST(Registry, HasEveryArchitectureOfTimm) {
  const auto names = config::architecture_names();
  ASSERT_EQ(golden()["architectures"].size(), 179U);
  for (const auto& [name, entry] : golden()["architectures"].items())
    EXPECT_THAT(names, Contains(name));
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(Registry, BuildsTimmsNamesAndShapesInFullSize) {
  for (const auto& [name, entry] : golden()["architectures"].items()) {
    const VisionTransformer meta(config::find_architecture(name).model, at::device(at::kMeta));
    std::map<std::string, std::string> shapes;
    std::int64_t parameters = 0;
    for (const auto& [key, tensor] : model::state_dict(*meta)) {
      shapes[timm_name(key)] = format("{}", tensor.sizes().vec());
      parameters += tensor.numel();
    }
    std::string lines;
    for (const auto& [key, shape] : shapes) lines += key + " " + shape + "\n";
    EXPECT_EQ(parameters, entry["parameters"].get<std::int64_t>()) << name;
    EXPECT_EQ(fnv1a(lines), entry["digest"].get<std::string>()) << name;
  }
}

TEST(Registry, KnowsThePreprocessingAndSizeOfEveryTag) {
  ASSERT_GE(golden()["tags"].size(), 333U + 179U);
  for (const auto& [name, entry] : golden()["tags"].items()) {
    const auto config = config::find_architecture(name);
    const Json found = {{"mean", config.preprocessing.mean},
                        {"std", config.preprocessing.std},
                        {"interpolation", config.preprocessing.interpolation},
                        {"crop_pct", config.preprocessing.crop_pct},
                        {"crop_mode", config.preprocessing.crop_mode},
                        {"num_classes", config.model.num_classes()},
                        {"img_size", config.model.img_size()},
                        {"in_c", config.model.in_c()}};
    EXPECT_EQ(found, entry) << name;
    EXPECT_TRUE(config.preprocessing_known);
    EXPECT_NO_THROW(check_config(config, name));
  }
}

TEST(Registry, UnderstandsOldNames) {
  const auto config = config::find_architecture("vit_base_patch16_224_in21k");
  EXPECT_EQ(config.architecture, "vit_base_patch16_224.augreg_in21k");
  EXPECT_EQ(config.model.num_classes(), 21843);
}

TEST(Registry, SuggestsTheNearestName) {
  EXPECT_THAT([] { config::find_architecture("vit_bse_patch16_224"); },
              ThrowsMessage<UsageError>(HasSubstr("did you mean 'vit_base_patch16_224'?")));
  EXPECT_THAT([] { config::find_architecture("resnet50"); },
              ThrowsMessage<UsageError>(HasSubstr("unknown architecture 'resnet50'")));
  EXPECT_THAT([] { config::find_architecture("vit_tiny_patch16_224.openai"); },
              ThrowsMessage<UsageError>(HasSubstr("augreg_in21k")));
}

TEST(Registry, GivesTheSeedsFormOfASize) {
  const auto seed = config::find_architecture("vit_small_patch32_384.seed");
  EXPECT_EQ(seed.architecture, "vit_small_patch32_384.seed");
  const auto wanted = VisionTransformerOptions()
                          .img_size({384, 384})
                          .patch_size({32, 32})
                          .embed_dim(384)
                          .num_heads(6);
  EXPECT_TRUE(fields_equal(seed.model, wanted));
  EXPECT_FALSE(seed.preprocessing_known);
  EXPECT_TRUE(fields_equal(config::find_architecture("vit_base_patch16_224.seed").model,
                           VisionTransformerOptions()));
  EXPECT_THROW(config::find_architecture("deit3_base_patch16_224.seed"), UsageError);
}

}  // namespace
}  // namespace vit::config
