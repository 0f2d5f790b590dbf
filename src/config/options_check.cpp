#include <algorithm>

#include "vit/config/vision_transformer_options.h"
#include "vit/core/error.h"

namespace vit::config {
namespace {

constexpr double kMaxParameters = 1e12;

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

/// Sizes that must go into each other.
void check_sizes(const VisionTransformerOptions& model, const std::string& where) {
  for (int side = 0; side < 2; ++side)
    if (model.patch_size()[side] > model.img_size()[side])
      throw DataError("{}: 'patch_size': expected at most img_size {}, found {}", where,
                      model.img_size()[side], model.patch_size()[side]);
  if (model.embed_dim() % model.num_heads() != 0)
    throw DataError("{}: 'num_heads': expected a divisor of embed_dim {}, found {}", where,
                    model.embed_dim(), model.num_heads());
  if (model.mlp_ratio() * static_cast<double>(model.embed_dim()) < 1)
    throw DataError("{}: 'mlp_ratio': expected a hidden width of at least 1, found a ratio of {}",
                    where, model.mlp_ratio());
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
  if (const auto fault = find_fault(options))
    throw DataError("{}: '{}': expected {}, found {}", where, fault->field, fault->expected,
                    fault->found);
  check_sizes(options, where);
  check_combinations(options, where);
  if (const auto count = parameter_bound(options); !(count <= kMaxParameters))
    throw DataError("{}: expected a model of at most {} parameters, found about {}", where,
                    kMaxParameters, count);
}

}  // namespace vit::config
