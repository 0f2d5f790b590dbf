#include "vit/nn/mlp_kinds.h"

#include "kinds.h"
#include "vit/nn/glu_mlp.h"
#include "vit/nn/swiglu.h"

namespace vit::nn {
namespace {

using MlpMaker = LayerPtr (*)(const MlpOptions&, const LayerPtr&, const NormFactory&,
                              const torch::TensorOptions&);

template <class Impl, auto... extra>
LayerPtr make(const MlpOptions& options, const LayerPtr& act_layer, const NormFactory& norm_layer,
              const torch::TensorOptions& tensor_options) {
  return std::make_shared<Impl>(options, act_layer, norm_layer, tensor_options, extra...);
}

}  // namespace

LayerPtr make_mlp(const std::string& name, const MlpOptions& options, const LayerPtr& act_layer,
                  const NormFactory& norm_layer, const torch::TensorOptions& tensor_options) {
  static const std::map<std::string, MlpMaker> kinds{
      {"mlp", make<MlpImpl>},
      {"glumlp", make<GluMlpImpl, /*gate_last=*/true>},
      {"swiglu_packed", make<GluMlpImpl, /*gate_last=*/false>},
      {"swiglu", make<SwiGluImpl>},
  };
  return find_kind(kinds, name, "mlp_layer")(options, act_layer, norm_layer, tensor_options);
}

}  // namespace vit::nn
