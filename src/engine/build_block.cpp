// Transformer blocks.
#include <map>
#include <utility>

#include "engine/builder.h"
#include "vit/core/error.h"

namespace vit::engine {

std::int64_t Builder::kept_rows() const {
  if (options_.global_pool() != "token") return 0;
  // timm's distilled models answer by two tokens.
  return options_.distilled() && options_.dist_head() == "timm" ? 2 : 1;
}

void Builder::blocks() {
  using Block = void (Builder::*)(const std::string& prefix, std::int64_t depth);
  static const std::map<std::string, Block> kinds{
      {"Block", &Builder::block},
      {"ResPostBlock", &Builder::res_post_block},
      {"ParallelScalingBlock", &Builder::parallel_scaling_block},
      {"DiffParallelScalingBlock", &Builder::parallel_scaling_block},
      {"ParallelThingsBlock", &Builder::parallel_things_block},
  };
  const auto kind = kinds.find(options_.block_fn());
  if (kind == kinds.end())
    throw DataError("engine: expected a block_fn that is known, found '{}'", options_.block_fn());
  use_rows_of(kernels::row_format(plan_.isa, format_of("block.")));
  weights_buffers_.resize(static_cast<std::size_t>(options_.depth()), -1);
  for (std::int64_t i = 0; i < options_.depth(); ++i) {
    stage_ = i;
    (this->*kind->second)(format("block.{}.", i), i);
    for_calls_with(kLayers, [&] {
      add_feature(Scope::kImage, {.kind = FeatureKind::kLayer, .layer = i, .in = image_.x});
    });
  }
  add_attention_maps();
  use_rows_of(kernels::RowFormat::kFloat32);
  stage_ = options_.depth();
}

void Builder::block(const std::string& prefix, std::int64_t depth) {
  const auto scale1 = layer_scale(prefix + "ls1."), scale2 = layer_scale(prefix + "ls2.");
  add_norm(image_, prefix + "norm1.", image_.x, a_for(image_, prefix + "attn.qkv."));
  // What the pooling doesn't read, the last block need not make.
  const bool only_kept =
      depth + 1 == options_.depth() && kept_rows() > 0 && options_.attn_layer() != "diff";
  const auto add_mlp_of = [&](Stream& stream) {
    add_norm(stream, prefix + "norm2.", stream.x, a_for(stream, first_of_mlp(prefix + "mlp.")));
    mlp(stream, prefix + "mlp.", {stream.x, stream.x, scale2});
  };
  if (!only_kept) {
    attention(image_, prefix + "attn.", {image_.x, image_.x, scale1}, depth);
    return add_mlp_of(image_);
  }
  plan_.has_kept_rows = true;
  last_attention(prefix + "attn.", scale1);
  for_calls_with(kKeptRows, [&] { add_mlp_of(kept_); });
  for_calls_with(kAllRows, [&] { add_mlp_of(image_); });
}

/// x + norm1(attn(x)), then x + norm2(mlp(x)).
void Builder::res_post_block(const std::string& prefix, std::int64_t depth) {
  const auto add_normed = [&](const std::string& name) {
    NormOptions options;
    options.in = image_.spare;
    options.out = options.addend = image_.x;
    add(Scope::kImage, std::make_unique<NormStep>(name, norm(name, dim()), options));
  };
  const Sink sink{spare_of(image_), -1, ""};
  add_pack(image_, prefix + "pack1", image_.x, a_for(image_, prefix + "attn.qkv."));
  attention(image_, prefix + "attn.", sink, depth);
  add_normed(prefix + "norm1.");
  add_pack(image_, prefix + "pack2", image_.x, a_for(image_, first_of_mlp(prefix + "mlp.")));
  mlp(image_, prefix + "mlp.", sink);
  add_normed(prefix + "norm2.");
}

/// Attention and MLP side by side, from one projection; both are added at the end.
void Builder::parallel_scaling_block(const std::string& prefix, std::int64_t depth) {
  const bool differential = options_.block_fn() == "DiffParallelScalingBlock";
  const bool bias = options_.qkv_bias(), out_bias = options_.proj_bias().value_or(true);
  const auto hidden = mlp_hidden(), D = dim(), n = hidden + 3 * D;
  const auto in_proj = prefix + "in_proj.";
  const Sink sink{image_.x, image_.x, layer_scale(prefix + "ls.")};

  add_norm(image_, prefix + "in_norm.", image_.x, a_for(image_, in_proj));
  auto first = linear_of(in_proj, n, D, bias, {{0, hidden}});
  if (!bias) set_bias(*first, prefix + "mlp_bias", hidden);
  add_hidden(image_, prefix + "in_proj[mlp]", std::move(first), false,
             prefix + (differential ? "out_proj." : "mlp_out_proj."));
  auto qkv = add_qkv(image_, prefix + "in_proj[qkv]", in_proj, n, hidden);

  if (differential) {
    differential_attention(image_, prefix, depth);
    add_pack(image_, prefix + "pack", image_.mixed, a_for(image_, prefix + "out_proj."));
    // One projection of both, next to each other.
    add_output(image_, prefix + "out_proj[attn]",
               linear_of(prefix + "out_proj.", D, D + hidden, out_bias, {{0, D}}, {{0, D}}),
               image_.a, sink);
    add_output(image_, prefix + "out_proj[mlp]",
               linear_of(prefix + "out_proj.", D, D + hidden, false, {{0, D}}, {{D, D + hidden}}),
               image_.hidden, sink);
    return;
  }
  qk_norm(image_, prefix, head_dim());
  auto attention = heads(image_, qkv.buffer);
  const auto reader = prefix + "attn_out_proj.";
  const bool whole = packs_whole_rows(reader);
  attention.out = whole ? mixed_of(image_) : outputs_for(image_, qkv, reader);
  add_attention(image_, prefix, std::move(qkv), attention);
  if (whole) add_pack(image_, prefix + "pack", image_.mixed, a_for(image_, reader));
  add_output(image_, prefix + "attn_out_proj", linear(reader, D, D, out_bias), image_.a, sink);
  add_output(image_, prefix + "mlp_out_proj", linear(prefix + "mlp_out_proj.", D, hidden, out_bias),
             image_.hidden, sink);
}

/// x + the sum of two attentions of x, then x + the sum of two MLPs of x.
void Builder::parallel_things_block(const std::string& prefix, std::int64_t depth) {
  for (const bool attends : {true, false}) {
    spare_of(image_);
    for (int i = 0; i < kParallelThings; ++i) {
      const auto branch = format("{}{}.{}.", prefix, attends ? "attns" : "ffns", i);
      const Sink sink{image_.spare, i == 0 ? image_.x : image_.spare, layer_scale(branch + "ls.")};
      add_norm(image_, branch + "norm.", image_.x,
               a_for(image_, attends ? branch + "attn.qkv." : first_of_mlp(branch + "mlp.")));
      if (attends)
        attention(image_, branch + "attn.", sink, depth);
      else
        mlp(image_, branch + "mlp.", sink);
    }
    std::swap(image_.x, image_.spare);
  }
}

}  // namespace vit::engine
