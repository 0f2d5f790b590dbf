// Google's .npz checkpoints (vision_transformer, big_vision): timm's _load_weights
// (timm/models/vision_transformer.py, 1.0.31).
#include <algorithm>
#include <array>
#include <map>

#include "state_dict/dialects/dialects.h"

namespace vit::state_dict {
namespace {

using Step = Tensor (*)(const Tensor&);

/// JAX's layouts to PyTorch's: HWIO → OIHW, [in, heads, dim] → [dim, in, heads], [in, out] →
/// [out, in].
Tensor to_torch_layout(const Tensor& given) {
  const bool row =
      given.dim() == 4 && given.size(0) == 1 && given.size(1) == 1 && given.size(2) == 1;
  const auto x = row ? given.flatten() : given;
  if (x.dim() == 4) return x.permute({3, 2, 0, 1});
  if (x.dim() == 3) return x.permute({2, 0, 1});
  return x.dim() == 2 ? x.t() : x;
}
Tensor same(const Tensor& x) { return x; }
/// [in, heads, dim] → [heads * dim, in].
Tensor projection(const Tensor& x) { return x.dim() < 2 ? x : x.flatten(1).t(); }
/// [heads, dim, out] → [out, heads * dim].
Tensor output(const Tensor& x) { return x.dim() < 3 ? x : to_torch_layout(x).flatten(1); }
Tensor flat(const Tensor& x) { return x.reshape({-1}); }

/// One tensor of the model: where it comes from (several are joined) and how its layout changes.
struct Rule {
  const char* timm;
  std::vector<const char*> jax;
  Step step;
};

const std::vector<Rule>& model_rules() {
  static const std::vector<Rule> rules{
      {"patch_embed.proj.weight", {"embedding/kernel"}, to_torch_layout},
      {"patch_embed.proj.bias", {"embedding/bias"}, same},
      {"cls_token", {"cls"}, same},
      {"pos_embed", {"pos_embedding"}, same},
      {"pos_embed", {"Transformer/posembed_input/pos_embedding"}, same},
      {"norm.weight", {"Transformer/encoder_norm/scale"}, same},
      {"norm.bias", {"Transformer/encoder_norm/bias"}, same},
      {"head.weight", {"head/kernel"}, to_torch_layout},
      {"head.bias", {"head/bias"}, same},
      {"attn_pool.latent", {"MAPHead_0/probe"}, same},
      {"attn_pool.q.weight", {"MAPHead_0/MultiHeadDotProductAttention_0/query/kernel"}, projection},
      {"attn_pool.q.bias", {"MAPHead_0/MultiHeadDotProductAttention_0/query/bias"}, flat},
      {"attn_pool.kv.weight",
       {"MAPHead_0/MultiHeadDotProductAttention_0/key/kernel",
        "MAPHead_0/MultiHeadDotProductAttention_0/value/kernel"},
       projection},
      {"attn_pool.kv.bias",
       {"MAPHead_0/MultiHeadDotProductAttention_0/key/bias",
        "MAPHead_0/MultiHeadDotProductAttention_0/value/bias"},
       flat},
      {"attn_pool.proj.weight", {"MAPHead_0/MultiHeadDotProductAttention_0/out/kernel"}, output},
      {"attn_pool.proj.bias", {"MAPHead_0/MultiHeadDotProductAttention_0/out/bias"}, same},
      {"attn_pool.norm.weight", {"MAPHead_0/LayerNorm_0/scale"}, same},
      {"attn_pool.norm.bias", {"MAPHead_0/LayerNorm_0/bias"}, same},
      {"attn_pool.mlp.fc1.weight", {"MAPHead_0/MlpBlock_0/Dense_0/kernel"}, to_torch_layout},
      {"attn_pool.mlp.fc1.bias", {"MAPHead_0/MlpBlock_0/Dense_0/bias"}, same},
      {"attn_pool.mlp.fc2.weight", {"MAPHead_0/MlpBlock_0/Dense_1/kernel"}, to_torch_layout},
      {"attn_pool.mlp.fc2.bias", {"MAPHead_0/MlpBlock_0/Dense_1/bias"}, same},
  };
  return rules;
}

/// Of one block; `{attn}`, `{mlp}` and `{norm2}` are numbered differently by the two code bases.
const std::vector<Rule>& block_rules() {
  static const std::vector<Rule> rules{
      {"norm1.weight", {"LayerNorm_0/scale"}, same},
      {"norm1.bias", {"LayerNorm_0/bias"}, same},
      {"attn.qkv.weight",
       {"{attn}/query/kernel", "{attn}/key/kernel", "{attn}/value/kernel"},
       projection},
      {"attn.qkv.bias", {"{attn}/query/bias", "{attn}/key/bias", "{attn}/value/bias"}, flat},
      {"attn.proj.weight", {"{attn}/out/kernel"}, output},
      {"attn.proj.bias", {"{attn}/out/bias"}, same},
      {"norm2.weight", {"{norm2}/scale"}, same},
      {"norm2.bias", {"{norm2}/bias"}, same},
      {"mlp.fc1.weight", {"{mlp}/Dense_0/kernel"}, to_torch_layout},
      {"mlp.fc1.bias", {"{mlp}/Dense_0/bias"}, same},
      {"mlp.fc2.weight", {"{mlp}/Dense_1/kernel"}, to_torch_layout},
      {"mlp.fc2.bias", {"{mlp}/Dense_1/bias"}, same},
  };
  return rules;
}

constexpr std::array<std::string_view, 4> kRoots{"opt/target/", "params/img/", "params/", ""};

class JaxReader {
 public:
  JaxReader(const std::vector<Weight>& weights, std::string prefix) : prefix_(std::move(prefix)) {
    for (const auto& weight : weights) left_.emplace(weight.name, weight);
    named_.dialect = "jax";
    named_.resampling = {true, Interpolation{false, false, false}, false};
    big_vision_ = prefix_.starts_with("params/") || has("pos_embedding") ||
                  has("Transformer/encoderblock/LayerNorm_0/scale");
  }

  NamedWeights read() {
    for (const auto& rule : model_rules()) take(rule, "", "", -1);
    if (has("Transformer/encoderblock/LayerNorm_0/scale"))
      read_stacked_blocks();
    else
      for (int i = 0; has(block_folder(i) + "LayerNorm_0/scale"); ++i)
        read_block(i, block_folder(i), -1);
    // What is no part of the image's model; anything else stays and will be unexpected.
    for (auto& [name, weight] : left_)
      if (!name.starts_with(prefix_) || name.starts_with(prefix_ + "pre_logits/") ||
          (prefix_.empty() && name.starts_with("opt/")))
        named_.dropped.push_back(name);
      else
        named_.weights.push_back(std::move(weight));
    return std::move(named_);
  }

 private:
  static std::string block_folder(int i) {
    return "Transformer/encoderblock_" + std::to_string(i) + "/";
  }
  bool has(const std::string& name) const { return left_.contains(prefix_ + name); }

  std::string numbered(std::string name) const {
    const std::array<std::pair<const char*, const char*>, 3> names{{
        {"{attn}",
         big_vision_ ? "MultiHeadDotProductAttention_0" : "MultiHeadDotProductAttention_1"},
        {"{mlp}", big_vision_ ? "MlpBlock_0" : "MlpBlock_3"},
        {"{norm2}", big_vision_ ? "LayerNorm_1" : "LayerNorm_2"},
    }};
    for (const auto& [hole, value] : names)
      if (const auto at = name.find(hole); at != std::string::npos)
        name.replace(at, std::string_view(hole).size(), value);
    return name;
  }

  /// Moves what `rule` names into the result; `layer` picks one of tensors that hold every block.
  void take(const Rule& rule, const std::string& timm, const std::string& folder, int layer) {
    std::vector<Weight> parts;
    for (const char* name : rule.jax) {
      const auto found = left_.find(prefix_ + folder + numbered(name));
      if (found == left_.end()) return;
      auto part = found->second;
      if (layer >= 0) part = row_of(std::move(part), layer, "layer " + std::to_string(layer));
      parts.push_back(rule.step == same ? std::move(part)
                                        : transformed(std::move(part), "layout", rule.step));
    }
    auto whole = parts.size() == 1 ? std::move(parts[0])
                                   : merged("", std::move(parts), "joined",
                                            [](const std::vector<Tensor>& x) { return cat(x); });
    whole.name = timm + rule.timm;
    named_.weights.push_back(std::move(whole));
    if (layer >= 0) return;
    for (const char* name : rule.jax) left_.erase(prefix_ + folder + numbered(name));
  }

  void read_block(int i, const std::string& folder, int layer) {
    for (const auto& rule : block_rules())
      take(rule, "blocks." + std::to_string(i) + ".", folder, layer);
  }

  void read_stacked_blocks() {
    const std::string folder = "Transformer/encoderblock/";
    const auto scale = left_.at(prefix_ + folder + "LayerNorm_0/scale").meta();
    const auto depth = scale.dim() == 2 ? std::min<std::int64_t>(scale.size(0), 1000) : 0;
    for (int i = 0; i < depth; ++i) read_block(i, folder, i);
    for (const auto& rule : block_rules())
      for (const char* name : rule.jax) left_.erase(prefix_ + folder + numbered(name));
  }

  std::string prefix_;
  bool big_vision_ = false;
  std::map<std::string, Weight> left_;
  NamedWeights named_;
};

}  // namespace

std::optional<NamedWeights> from_jax(const std::vector<Weight>& weights) {
  for (const auto prefix : kRoots) {
    const auto anchor = std::string(prefix) + "embedding/kernel";
    if (std::any_of(weights.begin(), weights.end(),
                    [&](const Weight& weight) { return weight.name == anchor; }))
      return JaxReader(weights, std::string(prefix)).read();
  }
  return std::nullopt;
}

}  // namespace vit::state_dict
