#include "config/options_check.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "vit/config/vision_transformer_options.h"

namespace vit::config {
namespace {

// Bounds that leave every product of sizes far below 2^63.
constexpr std::int64_t kMaxSide = 65536;
constexpr std::int64_t kMaxWidth = 65536;
constexpr std::int64_t kMaxDepth = 1000;
constexpr std::int64_t kMaxTokens = 65536;
constexpr std::int64_t kMaxClasses = 10'000'000;
constexpr double kMaxMlpRatio = 64;
constexpr double kMaxParameters = 1e12;

constexpr std::array<std::string_view, 7> kPools{"token", "avg", "avgmax", "max", "map", "prr", ""};
constexpr std::array<std::string_view, 3> kPositions{"learn", "none", ""};
constexpr std::array<std::string_view, 2> kDistHeads{"seed", "timm"};

void check_sizes(const VisionTransformerOptions& model, const std::string& where) {
  for (int side = 0; side < 2; ++side) {
    const auto image = model.img_size()[side];
    expect_range<std::int64_t>(where, "img_size", image, 1, kMaxSide);
    expect_range<std::int64_t>(where, "patch_size", model.patch_size()[side], 1, image);
  }
  expect_range<std::int64_t>(where, "in_c", model.in_c(), 1, kMaxChannels);
  expect_range<std::int64_t>(where, "num_classes", model.num_classes(), 0, kMaxClasses);
  expect_range<std::int64_t>(where, "embed_dim", model.embed_dim(), 1, kMaxWidth);
  expect_range<std::int64_t>(where, "depth", model.depth(), 1, kMaxDepth);
  expect_range<std::int64_t>(where, "num_heads", model.num_heads(), 1, model.embed_dim());
  if (model.embed_dim() % model.num_heads() != 0)
    throw DataError("{}: 'num_heads': expected a divisor of embed_dim {}, found {}", where,
                    model.embed_dim(), model.num_heads());
  expect_range<std::int64_t>(where, "reg_tokens", model.reg_tokens(), 0, kMaxTokens);
  expect_range(where, "mlp_ratio", model.mlp_ratio(), 1.0 / static_cast<double>(model.embed_dim()),
               kMaxMlpRatio);
  expect_range<std::int64_t>(where, "representation_size", model.representation_size().value_or(0),
                             0, kMaxWidth);
}

/// An upper bound of the parameter count, in double: it cannot overflow.
double parameter_bound(const VisionTransformerOptions& model) {
  const auto width = static_cast<double>(model.embed_dim());
  const auto patch =
      static_cast<double>(model.patch_size()[0]) * static_cast<double>(model.patch_size()[1]);
  const auto pixels =
      static_cast<double>(model.img_size()[0]) * static_cast<double>(model.img_size()[1]);
  // Twice: timm's ParallelThingsBlock holds two of everything.
  const auto block = 2 * width * (width * (4 + 3 * model.mlp_ratio()) + 32);
  return static_cast<double>(model.depth()) * block +
         width * (pixels / patch + 16 + static_cast<double>(model.reg_tokens())) +
         width * patch * static_cast<double>(model.in_c()) +
         2 * static_cast<double>(model.num_classes()) * std::max(width, 1.0);
}

void check_ratios(const VisionTransformerOptions& model, const std::string& where) {
  expect_range(where, "drop_ratio", model.drop_ratio(), 0.0, 1.0);
  expect_range(where, "attn_drop_ratio", model.attn_drop_ratio(), 0.0, 1.0);
  expect_range(where, "drop_path_ratio", model.drop_path_ratio(), 0.0, 1.0);
  expect_range(where, "proj_drop_rate", model.proj_drop_rate().value_or(0), 0.0, 1.0);
  expect_range(where, "drop_rate", model.drop_rate(), 0.0, 1.0);
  expect_range(where, "patch_drop_rate", model.patch_drop_rate(), 0.0, 1.0);
  expect_range(where, "attn_drop_rate", model.attn_drop_rate().value_or(0), 0.0, 1.0);
  expect_range(where, "init_values", model.init_values().value_or(1), -1e6, 1e6);
  expect_range(where, "norm_eps", model.norm_eps(), 0.0, 1.0);
  expect_range(where, "embed_norm_eps", model.embed_norm_eps(), 0.0, 1.0);
  expect_range(where, "qk_scale", model.qk_scale().value_or(1), -1e6, 1e6);
}

/// Options that exclude each other.
void check_combinations(const VisionTransformerOptions& model, const std::string& where) {
  const auto& pool = model.global_pool();
  if (pool == "token" && !model.class_token())
    throw DataError("{}: 'class_token': expected true with global_pool token, found false", where);
  if (!model.distilled()) return;
  if (!model.class_token())
    throw DataError("{}: 'class_token': expected true in a distilled model, found false", where);
  if (pool != "token")
    throw DataError("{}: 'global_pool': expected token in a distilled model, found '{}'", where,
                    pool);
  // timm's distilled model forgets its register tokens.
  if (model.reg_tokens() != 0)
    throw DataError("{}: 'reg_tokens': expected 0 in a distilled model, found {}", where,
                    model.reg_tokens());
}

}  // namespace

void check_options(const VisionTransformerOptions& options, const std::string& where) {
  check_sizes(options, where);
  check_ratios(options, where);
  expect_one_of(where, "dist_head", options.dist_head(), kDistHeads);
  expect_one_of(where, "global_pool", options.global_pool(), kPools);
  expect_one_of(where, "pos_embed", options.pos_embed(), kPositions);
  check_combinations(options, where);
  if (const auto count = parameter_bound(options); !(count <= kMaxParameters))
    throw DataError("{}: expected a model of at most {} parameters, found about {}", where,
                    kMaxParameters, count);
}

}  // namespace vit::config
