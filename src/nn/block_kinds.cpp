#include "vit/nn/block_kinds.h"

#include "kinds.h"
#include "vit/nn/parallel_scaling_block.h"
#include "vit/nn/parallel_things_block.h"
#include "vit/nn/res_post_block.h"

namespace vit::nn {
namespace {

using BlockMaker = AttendingLayerPtr (*)(const BlockOptions&, const NormFactory&, const LayerPtr&,
                                         const torch::TensorOptions&);

template <class Impl>
AttendingLayerPtr make(const BlockOptions& options, const NormFactory& norm_layer,
                       const LayerPtr& act_layer, const torch::TensorOptions& tensor_options) {
  return std::make_shared<Impl>(options, norm_layer, act_layer, tensor_options);
}

}  // namespace

AttendingLayerPtr make_block(const std::string& name, const BlockOptions& options,
                             const NormFactory& norm_layer, const LayerPtr& act_layer,
                             const torch::TensorOptions& tensor_options) {
  static const std::map<std::string, BlockMaker> kinds{
      {"Block", make<BlockImpl>},
      {"ResPostBlock", make<ResPostBlockImpl>},
      {"ParallelScalingBlock", make<ParallelScalingBlockImpl>},
      {"DiffParallelScalingBlock", make<DiffParallelScalingBlockImpl>},
      {"ParallelThingsBlock", make<ParallelThingsBlockImpl>},
  };
  return find_kind(kinds, name, "block_fn")(options, norm_layer, act_layer, tensor_options);
}

}  // namespace vit::nn
