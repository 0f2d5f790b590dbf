// What no model can be is an error of the constructor, of the readers of configurations and of the
// layers alike, and names the field.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vit/config/model_config.h"
#include "vit/core/error.h"
#include "vit/model/vision_transformer.h"

namespace vit::model {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct Wrong {
  const char* field;
  const char* json;  ///< its value
};

class OptionsCheck : public ::testing::TestWithParam<Wrong> {};

TEST_P(OptionsCheck, RefusesTheFieldEverywhere) {
  const auto [field, value] = GetParam();
  const Json model{{field, Json::parse(value)}};
  VisionTransformerOptions options;
  fields_from_json(options, model, "test");
  const auto names_it = ThrowsMessage<DataError>(HasSubstr(format("'{}'", field)));
  EXPECT_THAT([&] { VisionTransformer(options, at::kMeta); }, names_it);
  EXPECT_THAT([&] { config::config_from_json(Json{{"model", model}}, "file"); }, names_it);
}

INSTANTIATE_TEST_SUITE_P(
    All, OptionsCheck,
    ::testing::Values(
        Wrong{"patch_size", "0"}, Wrong{"patch_size", "[16, 0]"}, Wrong{"patch_size", "-16"},
        Wrong{"patch_size", "225"}, Wrong{"img_size", "0"}, Wrong{"img_size", "[224, -1]"},
        Wrong{"num_heads", "0"}, Wrong{"num_heads", "-12"}, Wrong{"num_heads", "7"},
        Wrong{"num_heads", "9223372036854775807"}, Wrong{"embed_dim", "0"},
        Wrong{"embed_dim", "-768"}, Wrong{"embed_dim", "9223372036854775807"}, Wrong{"in_c", "0"},
        Wrong{"in_c", "-3"}, Wrong{"depth", "0"}, Wrong{"depth", "-1"}, Wrong{"depth", "1001"},
        Wrong{"num_classes", "-1"}, Wrong{"mlp_ratio", "0.0"}, Wrong{"mlp_ratio", "-4.0"},
        Wrong{"mlp_ratio", "1e300"}, Wrong{"representation_size", "-1"}, Wrong{"reg_tokens", "-1"},
        Wrong{"drop_ratio", "1.5"}, Wrong{"drop_path_ratio", "-0.1"}, Wrong{"norm_eps", "-1.0"},
        Wrong{"global_pool", "\"median\""}, Wrong{"pos_embed", "\"rope\""},
        Wrong{"dist_head", "\"both\""}, Wrong{"class_token", "false"}),
    [](const auto& wrong) { return format("{}_{}", wrong.param.field, wrong.index); });

TEST(Options, RefuseAModelThatNoMemoryHolds) {
  EXPECT_THAT(
      [] {
        VisionTransformer(VisionTransformerOptions().embed_dim(65536).num_heads(64).depth(1000),
                          at::kMeta);
      },
      ThrowsMessage<DataError>(HasSubstr("at most")));
}

}  // namespace
}  // namespace vit::model
