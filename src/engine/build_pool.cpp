// Tokens to features and logits.
#include <cmath>
#include <set>

#include "engine/builder.h"
#include "vit/core/error.h"

namespace vit::engine {

bool Builder::use_fc_norm() const {
  static const std::set<std::string> averaging{"avg", "avgmax", "max"};
  return options_.fc_norm().value_or(averaging.contains(options_.global_pool()));
}

void Builder::pool() {
  const auto& kind = options_.global_pool();
  if (kind.empty() || kind == "token") return take_tokens();
  if (kind == "map") return map_pool();
  needs_ = kPooled | kTokens;
  if (norms_tokens()) add_norm(image_, "norm.", image_.x, image_.x);
  needs_ = kPooled;
  kept_.rows = 1;
  rows_buffer(kept_, kept_.x, "kept.x", dim());
  if (kind == "prr") {
    prr_pool();
  } else {
    const auto how = kind == "avg"   ? PoolStep::Kind::kMean
                     : kind == "max" ? PoolStep::Kind::kMaximum
                                     : PoolStep::Kind::kBoth;
    add(Scope::kImage,
        std::make_unique<PoolStep>("pool", how, image_.x, first_pooled_token(), kept_.x));
  }
  needs_ = kTokens;
  token_features();
}

/// Of all tokens after the final norm.
void Builder::token_features() {
  if (options_.global_pool() != "token")
    add_feature(Scope::kImage, {.kind = FeatureKind::kCls, .in = image_.x});
  add_feature(Scope::kImage, {.kind = FeatureKind::kTokens, .in = image_.x});
  add_feature(
      Scope::kImage,
      {.kind = FeatureKind::kMean, .in = image_.x, .first_row = options_.num_prefix_tokens()});
}

/// The class token, timm's pair of a distilled model, or all tokens.
void Builder::take_tokens() {
  const bool all = options_.global_pool().empty();
  kept_.rows = all ? kTokenCount : kept_rows();
  rows_buffer(kept_, kept_.x, "kept.x", dim());
  needs_ = kAllRows | kPooled;
  add(Scope::kImage, std::make_unique<TakeRowsStep>("kept", image_.x, kept_.rows, kept_.x));
  needs_ = kTokens;
  if (norms_tokens()) add_norm(image_, "norm.", image_.x, image_.x);
  token_features();
  needs_ = kPooled;
  if (norms_tokens()) add_norm(kept_, "norm.", kept_.x, kept_.x);
  if (!all) add_feature(Scope::kBatch, {.kind = FeatureKind::kCls, .in = kept_.x});
}

/// One learned query attends to the tokens; an MLP follows.
void Builder::map_pool() {
  const auto D = dim(), first = first_pooled_token();
  const std::string prefix = "attn_pool.";
  needs_ = kPooled;
  const auto use_rows_for = [&](const char* layer) {
    use_rows_of(kernels::row_format(plan_.isa, format_of(prefix + layer)));
  };
  use_rows_for("kv.");
  if (norms_tokens())
    add_norm(image_, "norm.", image_.x, a_for(image_, prefix + "kv."));
  else
    add_pack(image_, prefix + "pack", image_.x, a_for(image_, prefix + "kv."));
  qkv_rows(image_);
  LinearOptions options;
  options.in = image_.a;
  options.out = image_.qkv;
  options.column_offset = part_columns();
  add_linear(Scope::kImage, prefix + "kv",
             linear_of(prefix + "kv.", 2 * D, D, true, {{0, D}, {D, 2 * D}}), std::move(options));

  // The query is the same for every image.
  const auto latent = weight(prefix + "latent", {1, 1, D});
  const auto q = weight(prefix + "q.weight", {D, D}), bias = weight(prefix + "q.bias", {D});
  FloatBuffer query(kernels::padded(D));
  for (std::int64_t n = 0; n < D; ++n) {
    double sum = bias.data[static_cast<std::size_t>(n)];
    for (std::int64_t k = 0; k < D; ++k)
      sum += double{q.data[static_cast<std::size_t>(n * D + k)]} *
             latent.data[static_cast<std::size_t>(k)];
    query.data()[n] = static_cast<float>(sum);
  }

  kept_.rows = 1;
  rows_buffer(kept_, kept_.x, "kept.x", D);
  auto attention = heads(image_, image_.qkv);
  attention.scale = head_scale(head_dim());
  attention.queries = 1;
  attention.key_begin = first;
  attention.out = rows_buffer(kept_, kept_.mixed, "kept.mixed", D);
  add(Scope::kImage,
      std::make_unique<AttentionStep>(prefix + "attention", attention, std::move(query)));

  use_rows_for("proj.");
  add_pack(kept_, prefix + "pack", kept_.mixed, a_for(kept_, prefix + "proj."));
  add_output(kept_, prefix + "proj", linear(prefix + "proj.", D, D, true), kept_.a,
             {kept_.x, -1, ""});
  add_norm(kept_, prefix + "norm.", kept_.x, kept_.a);
  add_mlp(kept_, prefix + "mlp.", linear(prefix + "mlp.fc1.", mlp_hidden(), D, true), false, true,
          false, {kept_.x, kept_.x, ""});
  use_rows_of(kernels::RowFormat::kFloat32);
  needs_ = kTokens;
  if (norms_tokens()) add_norm(image_, "norm.", image_.x, image_.x);
  token_features();
}

/// Tokens attend to each other once more, without parameters.
void Builder::prr_pool() {
  auto attention = heads(image_, image_.x);
  attention.q = attention.k = attention.v = {image_.x, 0, head_dim()};
  attention.scale = head_scale(head_dim());
  if (options_.class_token()) attention.queries = 1;
  attention.out = options_.class_token() ? kept_.x : mixed_of(image_);
  add(Scope::kImage, std::make_unique<AttentionStep>("attn_pool", attention));
  if (!options_.class_token())
    add(Scope::kImage,
        std::make_unique<PoolStep>("pool", PoolStep::Kind::kMean, image_.mixed, 0, kept_.x));
}

void Builder::head() {
  needs_ = kPooled;
  if (options_.distilled() && options_.dist_head() == "timm") return distilled_head();
  auto out = kept_.x;
  // Seed: neither of the two in a distilled model.
  if (options_.final_norm() && use_fc_norm() && !options_.distilled())
    add_norm(kept_, "fc_norm.", out, out);
  const auto representation = options_.distilled() ? 0 : options_.representation_size().value_or(0);
  if (representation != 0)
    out =
        add_head_layer("pre_logits.fc", out, linear("pre_logits.fc.", representation, dim(), true),
                       kernels::Activation::kTanh);
  add_feature(Scope::kBatch, {.kind = FeatureKind::kPooled, .in = out});
  needs_ = kLogits;
  if (options_.num_classes() > 0)
    out = add_head_layer("head", out,
                         linear("head.", options_.num_classes(), plan_.buffers[out].columns, true));
  add_output_step(out);
}

/// The mean of two heads' logits, each of its own token; of the tokens where there are no heads.
void Builder::distilled_head() {
  add_feature(Scope::kBatch, {.kind = FeatureKind::kPooled, .in = kept_.x, .mean_of_two = true});
  needs_ = kLogits;
  const auto D = dim(), classes = options_.num_classes(), n = classes > 0 ? classes : D;
  // An image's two tokens are one row of twice the width, and both heads one weight.
  const auto wide = 2 * kernels::padded(D);
  const auto pair = add_buffer(
      {.name = "kept.pair", .scope = Scope::kBatch, .rows = 1, .columns = wide, .alias = kept_.x});
  FloatBuffer rows(n * wide), bias(n);
  for (const std::int64_t token : {0, 1}) {
    const std::string prefix = token == 0 ? "head." : "head_dist.";
    const auto weights = classes > 0 ? weight(prefix + "weight", {n, D}) : WeightView();
    const auto biases = classes > 0 ? weight(prefix + "bias", {n}) : WeightView();
    for (std::int64_t i = 0; i < n; ++i) {
      float* row = rows.data() + i * wide + token * kernels::padded(D);
      if (classes == 0) {
        row[i] = 0.5F;
        continue;
      }
      for (std::int64_t k = 0; k < D; ++k)
        row[k] = 0.5F * weights.data[static_cast<std::size_t>(i * D + k)];
      bias.data()[i] += 0.5F * biases.data[static_cast<std::size_t>(i)];
    }
  }
  LinearRows source;
  source.row = [&](std::int64_t i) { return rows.data() + i * wide; };
  source.bias = [&](std::int64_t i) { return bias.data()[i]; };
  auto both = pack_linear(plan_.isa, {.n = n, .in = wide}, source);
  add_output_step(add_head_layer("head and head_dist", pair, std::move(both)));
}

/// A linear layer on the batch's rows.
BufferId Builder::add_head_layer(const std::string& name, BufferId in, LinearPtr linear,
                                 kernels::Activation activation) {
  const auto rows = plan_.buffers[in].rows;
  const auto packed = add_buffer({.name = name + ".in",
                                  .scope = Scope::kBatch,
                                  .packed = true,
                                  .rows = rows,
                                  .columns = plan_.buffers[in].columns});
  add_pack(kept_, name + ".pack", in, packed);
  LinearOptions options;
  options.in = packed;
  options.activation = activation;
  options.out =
      add_buffer({.name = name, .scope = Scope::kBatch, .rows = rows, .columns = linear->out});
  const auto out = options.out;
  add_linear(Scope::kBatch, name, std::move(linear), std::move(options));
  return out;
}

void Builder::add_feature(Scope scope, FeatureStep::Options options) {
  add(scope, std::make_unique<FeatureStep>("features", options));
}

void Builder::add_output_step(BufferId in) {
  add(Scope::kBatch, std::make_unique<OutputStep>("output", in));
}

}  // namespace vit::engine
