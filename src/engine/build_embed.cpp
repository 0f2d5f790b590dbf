// Pixels to tokens: patch projection, position embedding, prefix tokens, norms.
#include <algorithm>

#include "engine/builder.h"

namespace vit::engine {

/// The tokens before the patches: class, distillation and register tokens with their position
/// embedding. A constant.
FloatBuffer Builder::prefix_rows() const {
  const auto ld = kernels::padded(dim());
  FloatBuffer rows(options_.num_prefix_tokens() * ld);
  const auto add = [&](const WeightView& from, std::int64_t count, std::int64_t first) {
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t c = 0; c < dim(); ++c)
        rows.data()[(first + i) * ld + c] += from.data[static_cast<std::size_t>(i * dim() + c)];
  };
  std::int64_t row = 0;
  const auto add_tokens = [&](bool there, const char* name, std::int64_t count) {
    if (!there) return;
    add(weight(name, {1, count, dim()}), count, row);
    row += count;
  };
  add_tokens(options_.class_token(), "cls_token", 1);
  add_tokens(options_.distilled(), "dist_token", 1);
  add_tokens(options_.reg_tokens() > 0, "reg_token", options_.reg_tokens());
  const auto embedded = options_.num_embedded_prefix_tokens();
  if (options_.pos_embed() == "learn" && embedded > 0)
    add(weight("pos_embed", {1, embedded + num_patches(), dim()}), embedded, 0);
  return rows;
}

void Builder::read_positions() {
  auto& positions = plan_.positions;
  const auto [height, width] = options_.img_size();
  positions.grid = {height / options_.patch_size()[0], width / options_.patch_size()[1]};
  positions.columns = dim();
  if (options_.pos_embed() != "learn") return;
  const auto first = options_.num_embedded_prefix_tokens(), count = num_patches();
  const auto all = weight("pos_embed", {1, first + count, dim()});
  const auto ld = kernels::padded(dim());
  positions.rows = FloatBuffer(count * ld);
  for (std::int64_t i = 0; i < count; ++i)
    std::copy_n(all.data.data() + (first + i) * dim(), dim(), positions.rows.data() + i * ld);
}

void Builder::embed() {
  const auto prefix = options_.num_prefix_tokens();
  read_positions();
  const auto pixels = options_.in_c() * options_.patch_size()[0] * options_.patch_size()[1];
  rows_buffer(image_, image_.x, "x", dim());
  const auto format_of_weight = format_of("patch_embed.");
  const auto format = kernels::row_format(plan_.isa, format_of_weight);
  const auto cut = add_buffer({.name = "patches",
                               .packed = true,
                               .format = format,
                               .rows = kPatchCount,
                               .columns = pixels});
  add(Scope::kImage, std::make_unique<PatchesStep>(
                         "patches", PatchesStep::Options{options_.in_c(), options_.patch_size()[0],
                                                         options_.patch_size()[1], format, cut}));
  if (prefix > 0)
    add(Scope::kImage,
        std::make_unique<ConstantRowsStep>("prefix_tokens", prefix_rows(), prefix, image_.x));

  // The convolution's weight, a row a filter.
  const auto filters =
      weight("patch_embed.proj.weight",
             {dim(), options_.in_c(), options_.patch_size()[0], options_.patch_size()[1]});
  const bool has_bias = !options_.pre_norm();
  const auto bias = has_bias ? weight("patch_embed.proj.bias", {dim()}) : WeightView();
  LinearRows source;
  source.row = [&](std::int64_t i) { return filters.data.data() + i * pixels; };
  if (has_bias)
    source.bias = [&](std::int64_t i) { return bias.data[static_cast<std::size_t>(i)]; };
  auto projection =
      pack_linear(plan_.isa, {.n = dim(), .in = pixels, .format = format_of_weight}, source);
  const bool normed = options_.patch_norm() || options_.embed_norm_layer().has_value();
  LinearOptions options;
  options.in = cut;
  options.out = image_.x;
  options.row_offset = prefix;
  options.position = !normed;
  add_linear(Scope::kImage, "patch_embed.proj", std::move(projection), std::move(options));

  if (normed) {
    NormOptions norm_options;
    norm_options.in = norm_options.out = image_.x;
    norm_options.row_begin = prefix;
    norm_options.position = true;
    auto layer = options_.embed_norm_layer()
                     ? norm_of(*options_.embed_norm_layer(), options_.embed_norm_eps(),
                               "patch_embed.norm.", dim())
                     : norm("patch_embed.norm.", dim());
    add(Scope::kImage,
        std::make_unique<NormStep>("patch_embed.norm", std::move(layer), norm_options));
  }
  if (options_.pre_norm()) add_norm(image_, "norm_pre.", image_.x, image_.x);
}

}  // namespace vit::engine
