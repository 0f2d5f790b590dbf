#include "vit/nn/attention_kinds.h"

#include "kinds.h"
#include "vit/nn/diff_attention.h"

namespace vit::nn {
namespace {

using AttentionMaker = AttendingLayerPtr (*)(const AttentionOptions&, const NormFactory&,
                                             const torch::TensorOptions&);

template <class Impl>
AttendingLayerPtr make(const AttentionOptions& options, const NormFactory& norm_layer,
                       const torch::TensorOptions& tensor_options) {
  return std::make_shared<Impl>(options, norm_layer, tensor_options);
}

}  // namespace

AttendingLayerPtr make_attention(const std::string& name, const AttentionOptions& options,
                                 const NormFactory& norm_layer,
                                 const torch::TensorOptions& tensor_options) {
  static const std::map<std::string, AttentionMaker> kinds{
      {"", make<AttentionImpl>}, {"attn", make<AttentionImpl>}, {"diff", make<DiffAttentionImpl>}};
  return find_kind(kinds, name, "attn_layer")(options, norm_layer, tensor_options);
}

}  // namespace vit::nn
