// Pixels to tokens: patch projection, position embedding, prefix tokens, norms.
#include <algorithm>

#include "engine/builder.h"

namespace vit::engine {

/// Rows [begin, end) of the tokens before the blocks, without the patches' part: position
/// embedding, class, distillation and register tokens. A constant.
FloatBuffer Builder::position_rows(std::int64_t begin, std::int64_t end) const {
  const auto prefix = options_.num_prefix_tokens(), ld = kernels::padded(dim());
  FloatBuffer rows((end - begin) * ld);
  const auto add = [&](const float* from, std::int64_t row) {
    if (row < begin || row >= end) return;
    float* to = rows.data() + (row - begin) * ld;
    for (std::int64_t c = 0; c < dim(); ++c) to[c] += from[c];
  };
  std::int64_t row = 0;
  const auto add_tokens = [&](bool there, const char* name, std::int64_t count) {
    if (!there) return;
    const auto tokens = weight(name, {1, count, dim()});
    for (std::int64_t i = 0; i < count; ++i) add(tokens.data.data() + i * dim(), row++);
  };
  add_tokens(options_.class_token(), "cls_token", 1);
  add_tokens(options_.distilled(), "dist_token", 1);
  add_tokens(options_.reg_tokens() > 0, "reg_token", options_.reg_tokens());
  if (options_.pos_embed() == "learn") {
    const auto first = options_.no_embed_class() ? prefix : 0, count = num_tokens() - first;
    const auto positions = weight("pos_embed", {1, count, dim()});
    for (std::int64_t i = 0; i < count; ++i) add(positions.data.data() + i * dim(), first + i);
  }
  return rows;
}

void Builder::embed() {
  const auto prefix = options_.num_prefix_tokens(), patches = num_patches();
  const auto pixels = options_.in_c() * options_.patch_size()[0] * options_.patch_size()[1];
  rows_buffer(image_, image_.x, "x", dim());
  const auto cut = add_buffer({"patches", Scope::kImage, true, patches, pixels});
  add(Scope::kImage,
      std::make_unique<PatchesStep>(
          "patches",
          PatchesStep::Options{options_.in_c(), options_.img_size()[0], options_.img_size()[1],
                               options_.patch_size()[0], options_.patch_size()[1], cut}));
  if (prefix > 0)
    add(Scope::kImage, std::make_unique<ConstantRowsStep>("prefix_tokens", position_rows(0, prefix),
                                                          prefix, image_.x));

  // The convolution's weight, a row a filter.
  const auto filters =
      weight("patch_embed.proj.weight",
             {dim(), options_.in_c(), options_.patch_size()[0], options_.patch_size()[1]});
  const bool has_bias = !options_.pre_norm();
  const auto bias = has_bias ? weight("patch_embed.proj.bias", {dim()}) : WeightView();
  auto projection = pack_linear(
      plan_.isa, dim(), pixels, false,
      [&](std::int64_t i) { return filters.data.data() + i * pixels; },
      has_bias ? [&](std::int64_t i) { return bias.data[i]; }
               : std::function<float(std::int64_t)>());
  const bool normed = options_.patch_norm() || options_.embed_norm_layer().has_value();
  LinearOptions options;
  options.in = cut;
  options.out = image_.x;
  options.row_offset = prefix;
  if (!normed) options.table = position_rows(prefix, num_tokens());
  add_linear(Scope::kImage, "patch_embed.proj", std::move(projection), std::move(options));

  if (normed) {
    NormOptions norm_options;
    norm_options.in = norm_options.out = image_.x;
    norm_options.row_begin = prefix;
    norm_options.table = position_rows(prefix, num_tokens());
    auto layer = options_.embed_norm_layer()
                     ? norm_of(*options_.embed_norm_layer(), options_.embed_norm_eps(),
                               "patch_embed.norm.", dim())
                     : norm("patch_embed.norm.", dim());
    add(Scope::kImage,
        std::make_unique<NormStep>("patch_embed.norm", std::move(layer), std::move(norm_options)));
  }
  if (options_.pre_norm()) add_norm(image_, "norm_pre.", image_.x, image_.x);
}

}  // namespace vit::engine
