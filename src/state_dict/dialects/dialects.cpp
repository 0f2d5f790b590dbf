#include "state_dict/dialects/dialects.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "vit/config/timm_names.h"
#include "vit/core/error.h"

namespace vit::state_dict {
namespace {

struct Replacement {
  std::string_view from, to;
};

/// One dialect: how it is known, what is kept, how names change, then what happens to values.
struct Recipe {
  const char* name;
  std::vector<std::string_view> anchors;  ///< names that only it has; a final '.' means a prefix
  std::string_view prefix;                ///< of what is kept; cut off
  std::vector<Replacement> replacements;  ///< in this order, everywhere in the name
  std::vector<std::string_view> unused;   ///< parts of names that are left out
  void (*finish)(NamedWeights&);
};

void replace_all(std::string& text, const Replacement& replacement) {
  for (auto at = text.find(replacement.from); at != std::string::npos;
       at = text.find(replacement.from, at + replacement.to.size()))
    text.replace(at, replacement.from.size(), replacement.to);
}

/// Changes the values of `name`, where it is there.
void change(NamedWeights& named, std::string_view name, const char* what,
            Tensor (*step)(const Tensor&)) {
  if (auto* weight = find(named.weights, name))
    *weight = transformed(std::move(*weight), what, step);
}

void rename(NamedWeights& named, std::string_view from, std::string_view to) {
  if (auto* weight = find(named.weights, from)) weight->name = to;
}

/// A bias that the file does not have and the model does.
void add_zero_bias(NamedWeights& named, const std::string& layer) {
  const auto* weight = find(named.weights, layer + ".weight");
  if (weight == nullptr || find(named.weights, layer + ".bias") != nullptr) return;
  const auto shape = weight->meta();
  if (shape.dim() == 0) return;
  const auto make = [size = shape.size(0), type = shape.dtype()](bool meta) {
    return meta ? Tensor::meta(type, {size}) : Tensor::zeros(type, {size});
  };
  named.weights.push_back(created(layer + ".bias", "zero", make));
}

Tensor as_batch(const Tensor& x) { return x.unsqueeze(0); }

void finish_openai_clip(NamedWeights& named) {
  rename(named, "proj", "head.weight");
  change(named, "head.weight", "transposed", [](const Tensor& x) { return x.t(); });
  add_zero_bias(named, "head");
  rename(named, "class_embedding", "cls_token");
  change(named, "cls_token", "reshaped", [](const Tensor& x) { return x.reshape({1, 1, -1}); });
  change(named, "pos_embed", "reshaped", as_batch);
  named.optional_head = true;
}

/// With registers, neither class token nor registers have a place in timm's position embedding:
/// what the file has for the class token is added to it.
void finish_dinov2(NamedWeights& named) {
  if (find(named.weights, "register_tokens") == nullptr) return;
  rename(named, "register_tokens", "reg_token");
  const auto* positions = find(named.weights, "pos_embed");
  auto* token = find(named.weights, "cls_token");
  if (positions == nullptr || token == nullptr || positions->meta().dim() != 3) return;
  *token = merged("cls_token", {*token, *positions}, "position added",
                  [](const std::vector<Tensor>& x) { return add(x[0], x[1].select(1, 0)); });
  change(named, "pos_embed", "class token's position cut off",
         [](const Tensor& x) { return x.slice(1, 1); });
}

void finish_open_clip(NamedWeights& named) {
  add_zero_bias(named, "head");
  named.optional_head = true;
}

/// `blocks.3.attn.q_proj.weight` and its two fellows become `blocks.3.attn.qkv.weight`.
void fuse_qkv(NamedWeights& named) {
  std::map<std::string, std::map<std::string, Weight>> parts;
  std::vector<Weight> others;
  for (auto& weight : named.weights) {
    const auto at = weight.name.find("_proj.");
    const bool part = at != std::string::npos && at > 0 &&
                      std::string_view("qkv").find(weight.name[at - 1]) != std::string::npos &&
                      weight.name.starts_with("blocks.");
    if (!part) {
      others.push_back(std::move(weight));
      continue;
    }
    const auto whole = weight.name.substr(0, at - 1) + "qkv" + weight.name.substr(at + 5);
    parts[whole].emplace(weight.name.substr(at - 1, 1), std::move(weight));
  }
  for (auto& [name, three] : parts) {
    if (three.size() != 3) {  // left as they are: the fit will name them
      for (auto& [letter, weight] : three) others.push_back(std::move(weight));
      continue;
    }
    others.push_back(merged(name, {three["q"], three["k"], three["v"]}, "joined",
                            [](const std::vector<Tensor>& x) { return cat(x); }));
  }
  named.weights = std::move(others);
}

void finish_beit3(NamedWeights& named) {
  rename(named, "pos_embed.weight", "pos_embed");
  change(named, "pos_embed", "first two positions cut off",
         [](const Tensor& x) { return x.slice(0, 2).unsqueeze(0); });
  fuse_qkv(named);
}

/// RADIO: one class token a teacher, then registers; patches are projected without bias.
void finish_radio(NamedWeights& named) {
  change(named, "patch_embed.proj.weight", "reshaped", [](const Tensor& x) {
    if (x.dim() != 2) return x;
    const auto pixels = x.size(1) / 3;
    const auto side = std::llround(std::sqrt(static_cast<double>(pixels)));
    return x.size(1) == 3 * side * side ? x.reshape({x.size(0), 3, side, side}) : x;
  });
  add_zero_bias(named, "patch_embed.proj");
  if (const auto* tokens = find(named.weights, "tokens");
      tokens != nullptr && tokens->meta().dim() == 2) {
    auto first = transformed(*tokens, "first token",
                             [](const Tensor& x) { return x.slice(0, 0, 1).unsqueeze(0); });
    auto rest = transformed(*tokens, "further tokens",
                            [](const Tensor& x) { return x.slice(0, 1).unsqueeze(0); });
    first.name = "cls_token";
    rest.name = "reg_token";
    std::erase_if(named.weights, [](const Weight& weight) { return weight.name == "tokens"; });
    named.weights.push_back(std::move(first));
    named.weights.push_back(std::move(rest));
  }
  named.resampling = {true, Interpolation{false, false, false}, true};
}

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all{
      {"openai_clip",
       {"visual.class_embedding"},
       "visual.",
       {{"conv1", "patch_embed.proj"},
        {"positional_embedding", "pos_embed"},
        {"transformer.resblocks.", "blocks."},
        {"ln_pre", "norm_pre"},
        {"ln_post", "norm"},
        {"ln_", "norm"},
        {"in_proj_", "qkv."},
        {"out_proj", "proj"},
        {"mlp.c_fc", "mlp.fc1"},
        {"mlp.c_proj", "mlp.fc2"}},
       {},
       finish_openai_clip},
      {"dinov2",
       {"mask_token"},
       "",
       {{"mlp.w12.", "mlp.fc1."}, {"mlp.w3.", "mlp.fc2."}},
       {"mask_token"},
       finish_dinov2},
      {"tipsv2",
       {"vision_encoder.mask_token"},
       "vision_encoder.",
       {{"mlp.w12.", "mlp.fc1."}, {"mlp.w3.", "mlp.fc2."}},
       {"mask_token"},
       finish_dinov2},
      {"beit3",
       {"beit3."},
       "",
       {{"beit3.", ""},
        {"vision_embed.cls_token", "cls_token"},
        {"vision_embed.", "patch_embed."},
        {"embed_positions.", "pos_embed."},
        {"encoder.", ""},
        {"layers.", "blocks."},
        {"ffn_layernorm.", "norm."},
        {"ffn.", "mlp."},
        {"self_attn_layer_norm.", "norm1."},
        {"self_attn.", "attn."},
        {"final_layer_norm.", "norm2."},
        {"inner_attn_ln", "norm"},
        {"out_proj", "proj"},
        {".A.", "."}},
       {".B.", "beit3.text_embed.", "beit3.vision_embed.mask_token"},
       finish_beit3},
      {"open_clip",
       {"visual.trunk.pos_embed", "visual.trunk.blocks.0.norm1.weight"},
       "visual.",
       {{"trunk.", ""}, {"head.proj.", "head."}},
       {},
       finish_open_clip},
      {"aimv2",
       {"preprocessor.patchifier.proj.weight"},
       "",
       {{"norm_1", "norm1"},
        {"norm_2", "norm2"},
        {"preprocessor.patchifier.", "patch_embed."},
        {"preprocessor.pos_embed", "pos_embed"},
        {"trunk.", ""},
        {"post_trunk_norm.", "norm."},
        {"mlp.fc1", "mlp.fc1_g"},
        {"mlp.fc3", "mlp.fc1_x"}},
       {},
       nullptr},
      {"radio",
       {"radio_model.model.patch_generator.embedder.weight"},
       "radio_model.model.",
       {{"patch_generator.embedder.", "patch_embed.proj."},
        {"patch_generator.pos_embed", "pos_embed"},
        {"patch_generator.cls_token.token", "tokens"},
        {".grandma", ".gamma"}},
       {"radio_model.model.norm.", "radio_model.model.head.", "patch_generator.patch_normalizer"},
       finish_radio},
  };
  return all;
}

bool has_anchor(const std::vector<Weight>& weights, std::string_view anchor) {
  return std::any_of(weights.begin(), weights.end(), [&](const Weight& weight) {
    return anchor.ends_with('.') ? weight.name.starts_with(anchor) : weight.name == anchor;
  });
}

const Recipe* recipe_for(const std::vector<Weight>& weights) {
  for (const auto& recipe : recipes())
    for (const auto anchor : recipe.anchors)
      if (has_anchor(weights, anchor)) return &recipe;
  return nullptr;
}

NamedWeights apply(const Recipe& recipe, std::vector<Weight> weights) {
  NamedWeights named;
  named.dialect = recipe.name;
  for (auto& weight : weights) {
    const bool unused = std::any_of(
        recipe.unused.begin(), recipe.unused.end(),
        [&](std::string_view part) { return weight.name.find(part) != std::string::npos; });
    if (unused || !weight.name.starts_with(recipe.prefix)) {
      named.dropped.push_back(weight.name);
      continue;
    }
    weight.name.erase(0, recipe.prefix.size());
    for (const auto& replacement : recipe.replacements) replace_all(weight.name, replacement);
    named.weights.push_back(std::move(weight));
  }
  if (recipe.finish != nullptr) recipe.finish(named);
  return named;
}

/// Names that timm itself gave up over the years.
void follow_renames(NamedWeights& named) {
  for (auto& weight : named.weights)
    for (const Replacement& renamed :
         {Replacement{"gamma_1", "ls1.gamma"}, Replacement{"gamma_2", "ls2.gamma"}})
      replace_all(weight.name, renamed);
  // The representation layer is gone since timm 0.6.
  std::erase_if(named.weights, [&](const Weight& weight) {
    const bool gone = weight.name.starts_with("pre_logits.");
    if (gone) named.dropped.push_back(weight.name);
    return gone;
  });
}

bool any_starts_with(const std::vector<Weight>& weights, std::string_view prefix) {
  return std::any_of(weights.begin(), weights.end(),
                     [&](const Weight& weight) { return weight.name.starts_with(prefix); });
}

}  // namespace

NamedWeights to_timm_names(std::vector<Weight> weights) {
  if (auto jax = from_jax(weights)) return std::move(*jax);
  for (auto& weight : weights) weight.name = config::TimmKeyMap::without_wrappers(weight.name);
  if (const auto* recipe = recipe_for(weights)) return apply(*recipe, std::move(weights));
  NamedWeights named;
  named.dialect = any_starts_with(weights, "block.") ? "native" : "timm";
  named.weights = std::move(weights);
  if (named.dialect == "timm") follow_renames(named);
  return named;
}

}  // namespace vit::state_dict
