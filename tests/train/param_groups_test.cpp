#include "vit/train/param_groups.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/model/vision_transformer.h"

namespace vit::train {
namespace {

/// timm's name of one of our parameters.
std::string timm_name(const std::string& name) {
  return name.starts_with("block.") ? "blocks." + name.substr(6) : name;
}

VisionTransformerOptions tiny_options() {
  return VisionTransformerOptions()
      .img_size({8, 8})
      .patch_size({4, 4})
      .num_classes(3)
      .embed_dim(8)
      .depth(3)
      .num_heads(2);
}

VisionTransformer tiny(bool patch_norm) {
  return VisionTransformer(tiny_options().distilled(true).patch_norm(patch_norm));
}

/// The model of the golden file's that is called so.
VisionTransformer golden_model(const std::string& name) {
  if (name == "distilled") return tiny(/*patch_norm=*/false);
  return VisionTransformer(tiny_options().patch_norm(false).pre_norm(true).reg_tokens(4));
}

TEST(ParamGroups, DecayAndScaleWhatTimmDoes) {
  for (const auto& golden : vit::testing::read_golden()["groups"]) {
    const auto model = golden_model(golden["model"]);
    std::optional<double> layer_decay;
    if (!golden["layer_decay"].is_null()) layer_decay = golden["layer_decay"].get<double>();
    std::size_t found = 0;
    for (const auto& group :
         make_param_groups(*model, golden["weight_decay"], layer_decay, golden["depth"]))
      for (const auto& name : group.names) {
        const auto& expected = golden["parameters"].at(timm_name(name));
        EXPECT_EQ(group.weight_decay, expected[0].get<double>()) << name;
        EXPECT_NEAR(group.lr_scale, expected[1].get<double>(), 1e-15) << name;  // one pow
        ++found;
      }
    EXPECT_EQ(found, golden["parameters"].size());
  }
}

TEST(ParamGroups, DecayMatricesOnly) {
  const auto model = tiny(/*patch_norm=*/true);
  for (const auto& group : make_param_groups(*model, 0.05, std::nullopt, 3))
    for (const auto& name : group.names) {
      const bool matrix = name.ends_with(".weight") && name.find("norm") == std::string::npos;
      EXPECT_EQ(group.weight_decay, matrix ? 0.05 : 0.0) << name;
    }
}

TEST(ParamGroups, LeaveOutWhatIsFrozen) {
  const auto model = tiny(true);
  model->pos_embed.set_requires_grad(false);
  for (const auto& group : make_param_groups(*model, 0.05, std::nullopt, 3))
    EXPECT_EQ(std::count(group.names.begin(), group.names.end(), "pos_embed"), 0);
}

}  // namespace
}  // namespace vit::train
